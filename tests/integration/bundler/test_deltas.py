"""The vendor's side of deltas: from a base to a smaller file, from a need to what completes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from airferry_archive.reader import BundleReader
from airferry_bundler import locking, release, spec_file
from airferry_fixtures.commands import Ran, bundler
from airferry_fixtures.customers import Customer, customer_of
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.shop import make_shop
from airferry_fixtures.vendor import Vendor, make_vendor
from airferry_foundation.digests import digest

pytestmark = pytest.mark.program("helm", "registry")


@dataclass(frozen=True)
class Shops:
    """Two releases of the shop by one vendor, both signed, the older one built."""

    old: Path
    new: Path
    bundle: Path
    root: Path

    def build(self, *arguments: str | Path) -> Ran:
        return bundler("build", "-f", self.new, *arguments, "--output", "json")

    def delta(self, out: Path, *arguments: str | Path) -> Path:
        ran = self.build("-o", out, *arguments)
        assert ran.code == 0, ran.stderr
        assert ran.answer["kind"] == "delta"
        return Path(ran.answer["bundle"])


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory, registry: RegistryServer) -> Shops:
    folder = tmp_path_factory.mktemp("vendor")
    old, new = folder / "old", folder / "new"
    vendor: Vendor | None = None
    for where, version in ((old, "1.4.0"), (new, "1.4.1")):
        path = make_shop(where, registry.address, version)
        if vendor is None:
            vendor = make_vendor(where)
        else:
            for name in ("1.json", "1.json.1.sigstore.json"):
                (where / "roots").mkdir(exist_ok=True)
                (where / "roots" / name).write_bytes((old / "roots" / name).read_bytes())
        locking.make(spec_file.read(path)).write()
        release.make(spec_file.read(path))
        Vendor(where, vendor.root, vendor.releases).sign_release()
    bundle = folder / "shop-1.4.0.tar.zst"
    assert bundler("build", "-f", old, "-o", bundle).code == 0
    return Shops(old, new, bundle, old / "roots" / "1.json")


@pytest.fixture
def customer(shops: Shops, tmp_path: Path, start_registry: object) -> Customer:
    assert callable(start_registry)
    made = customer_of(tmp_path / "customer", start_registry().address)
    known = digest(shops.root.read_bytes())
    options = ["--site", made.site, "--vendor-root", shops.root, "--fingerprint", known]
    ran = made.run("init", *options)
    assert ran.code == 0, ran.stderr
    return made


def carried(path: Path) -> set[str]:
    with BundleReader.open(path) as reader:
        reader.bind(reader.release())
        reader.verify()
        return set(reader.layout.members)


def test_each_form_of_the_base_gives_the_same_delta(shops: Shops, tmp_path: Path) -> None:
    """Named after release and kind; the changed layer and less than 1 MB."""
    made = []
    for number, base in enumerate(
        (shops.bundle, shops.old / "release.json", shops.old / "airferry.lock")
    ):
        out = tmp_path / str(number)
        out.mkdir()
        made.append(shops.delta(out, "--without", base))
    assert {one.name for one in made} == {"shop-1.4.1-delta.tar.zst"}
    assert len({one.read_bytes() for one in made}) == 1
    old = {b["digest"] for b in json.loads((shops.old / "release.json").read_bytes())["blobs"]}
    new = json.loads((shops.new / "release.json").read_bytes())["blobs"]
    added = [blob for blob in new if blob["digest"] not in old]
    assert carried(made[0]) == {blob["digest"] for blob in added}
    layer = max(blob["size"] for blob in added)
    assert made[0].stat().st_size < layer + 1_000_000
    print(f"delta {made[0].stat().st_size:,} bytes; its largest blob has {layer:,}")  # noqa: T201 - a figure


def test_release_json_is_the_same_in_delta_and_bundle(shops: Shops, tmp_path: Path) -> None:
    delta = shops.delta(tmp_path / "d.tar.zst", "--without", shops.bundle)
    with BundleReader.open(delta) as reader:
        assert reader.header.release == (shops.new / "release.json").read_bytes()


def test_from_receipt_to_delta_to_a_complete_registry(
    shops: Shops, customer: Customer, tmp_path: Path
) -> None:
    assert customer.run("load", shops.bundle).code == 0
    assert customer.run("receipt", "-o", tmp_path / "r.json").code == 0
    delta = shops.delta(tmp_path / "d.tar.zst", "--without", tmp_path / "r.json")
    ran = customer.run("load", delta, "--output", "json")
    assert ran.code == 0, ran.stderr
    assert ran.answer["bytes_sent"] < 1_000_000
    diff = bundler("diff", shops.bundle, delta, "--output", "json")
    assert diff.answer["bytes_to_carry"] > ran.answer["bytes_sent"] / 2


def test_a_receipt_that_was_changed_is_refused(
    shops: Shops, customer: Customer, tmp_path: Path
) -> None:
    assert customer.run("load", shops.bundle).code == 0
    path = tmp_path / "r.json"
    assert customer.run("receipt", "-o", path).code == 0
    path.write_bytes(path.read_bytes().replace(b'"acme"', b'"evil"'))
    ran = shops.build("-o", tmp_path / "d.tar.zst", "--without", path)
    assert ran.code == 22, ran.stderr
    path.write_bytes(path.read_bytes().replace(b":", b": ", 1))
    (tmp_path / "r.json.sig").unlink()
    assert shops.build("-o", tmp_path / "d.tar.zst", "--without", path).code == 12
    assert not (tmp_path / "d.tar.zst").exists()


def test_a_need_goes_to_the_vendor_and_comes_back(
    shops: Shops, customer: Customer, tmp_path: Path
) -> None:
    """The customer never had 1.4.0: the delta is completed by just what is lacking."""
    delta = shops.delta(tmp_path / "d.tar.zst", "--without", shops.bundle)
    need = tmp_path / "need.json"
    ran = customer.run("load", delta, "-o", need)
    assert ran.code == 33, ran.stderr
    rest = shops.delta(tmp_path / "rest.tar.zst", "--only", need)
    assert carried(rest) == set(json.loads(need.read_bytes())["blobs"])
    ran = customer.run("load", rest)
    assert ran.code == 0, ran.stderr
    ran = customer.run("load", delta, "--deep", "--output", "json")
    assert ran.answer["nothing_sent"] is True


def test_a_need_of_another_release_and_both_options_are_refused(
    shops: Shops, tmp_path: Path
) -> None:
    need = tmp_path / "need.json"
    content = {
        "blobs": [digest(b"x")], "product": "shop", "release": digest(b"other"),
        "schema": "airferry.need/v1", "version": "1.0.0",
    }  # fmt: skip
    need.write_text(json.dumps(content, sort_keys=True, separators=(",", ":")))
    ran = shops.build("-o", tmp_path / "d.tar.zst", "--only", need)
    assert (ran.code, "1.0.0" in ran.stderr) == (10, True)
    ran = shops.build("-o", tmp_path / "d.tar.zst", "--only", need, "--without", shops.bundle)
    assert ran.code == 10


def test_a_killed_delta_goes_on(shops: Shops, tmp_path: Path) -> None:
    """The partial file of another selection is begun anew: their arrangements differ."""
    out = tmp_path / "d.tar.zst"
    (tmp_path / "d.tar.zst.partial").write_bytes(b"left over")
    delta = shops.delta(out, "--without", shops.bundle)
    assert carried(delta)
