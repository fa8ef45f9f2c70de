"""A customer who skipped three releases and two root changes, with both command lines and cosign.

The vendor: 1.0.0 under root 1; then new release keys (root 2), new root and channel keys (root 3),
three releases that this customer never saw, and 1.4.0 for entitled customers only.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from airferry_fixtures import images
from airferry_fixtures.commands import Ran, bundler
from airferry_fixtures.customers import Customer, site_text
from airferry_fixtures.registry_content import stored
from airferry_fixtures.servers.registry import RegistryServer
from airferry_foundation.digests import digest
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("cosign", "registry")

SPEC = """\
product: shop
version: {version}
counter: {counter}
audience: {{customers: {audience}}}
platforms: [linux/amd64]
images: ["{address}/acme/web:1"]
registries: {{"{address}": {{plain_http: true}}}}
"""


@dataclass(frozen=True)
class VendorsDesk:
    """The vendor's folder."""

    folder: Path
    address: str

    def run(self, *arguments: str | Path) -> Ran:
        words = {"COSIGN_PASSWORD": "of all keys"}
        ran = bundler(*arguments, "--output", "json", folder=self.folder, environment=words)
        assert ran.code == 0, ran.stderr
        return ran

    def key(self, role: str, name: str) -> None:
        self.run("keys", "generate", "--role", role, "--name", name, "-o", "keys")

    def sign(self, document: str, *names: str) -> None:
        self.run("sign", document, *(f"--key=keys/{name}.key" for name in names))

    def lock(self, version: str, counter: int, audience: str = "any") -> None:
        spec = SPEC.format(
            version=version, counter=counter, audience=audience, address=self.address
        )
        (self.folder / "airferry.yaml").write_text(spec)
        self.run("lock")
        self.run("release")

    def channel(self, signer: str, *more: str) -> None:
        self.run("channel", "issue", *more)
        self.sign("channel.json", signer)


def make_desk(folder: Path, address: str) -> VendorsDesk:
    folder.mkdir()
    client = RegistryClient(RegistrySettings(address, plain_http=True))
    images.push_image(client, "acme/web", "1", images.tiny())
    desk = VendorsDesk(folder, address)
    names = ("root-1", "release-1", "channel-1", "ack-1")
    for name in names:
        desk.key(name.partition("-")[0], name)
    pairs = [f"--key={name.partition('-')[0]}=keys/{name}.pub" for name in names]
    desk.run("keys", "root", "init", "--product", "shop", *pairs)
    desk.sign("roots/1.json", "root-1")
    desk.lock("1.0.0", 1)
    desk.sign("release.json", "release-1")
    desk.channel("channel-1", "--next-in", "90")
    desk.run("build", "-o", "1.0.0.tar.zst")
    return desk


def years_pass(desk: VendorsDesk) -> str:
    """Two root changes and four releases; the digest of 1.2.0, which was a mistake."""
    desk.key("release", "release-2")
    desk.run("keys", "root", "rotate", "keys/release-1.pub=keys/release-2.pub")
    desk.sign("roots/2.json", "root-1")
    digests = {}
    for counter, version in enumerate(("1.1.0", "1.2.0", "1.3.0"), 2):
        desk.lock(version, counter)
        desk.sign("release.json", "release-2")
        digests[version] = digest((desk.folder / "release.json").read_bytes())
        desk.channel("channel-1", "--release", "release.json")
    desk.key("root", "root-2")
    desk.key("channel", "channel-2")
    desk.run(
        "keys", "root", "rotate",
        "keys/root-1.pub=keys/root-2.pub", "keys/channel-1.pub=keys/channel-2.pub",
    )  # fmt: skip
    desk.sign("roots/3.json", "root-1", "root-2")
    shutil.copy(desk.folder / "release.json", desk.folder / "1.3.0.json")
    desk.lock("1.4.0", 5, "entitled")
    told = desk.run("sign", "release.json", "--against", "1.3.0.json", "--key=keys/release-2.key")
    assert told.answer["version"] == "1.4.0"
    release = ("--release", "release.json", "--floor", "3", "--revoke", digests["1.2.0"])
    desk.channel("channel-2", *release)
    desk.run("build", "-o", "1.4.0.tar.zst")
    return digests["1.2.0"]


def make_customer(folder: Path, desk: VendorsDesk, push: str) -> Customer:
    folder.mkdir()
    customer = Customer(folder)
    customer.site.write_text(site_text(push))
    root = desk.folder / "roots/1.json"
    known = digest(root.read_bytes())
    words = ("--site", customer.site, "--vendor-root", root, "--fingerprint", known)
    assert customer.run("init", *words).code == 0
    return customer


def test_from_root_1_to_root_3_out_of_one_bundle(
    tmp_path: Path, start_registry: Callable[..., RegistryServer]
) -> None:
    vendors, theirs = start_registry(), start_registry()
    desk = make_desk(tmp_path / "vendor", vendors.address)
    customer = make_customer(tmp_path / "customer", desk, theirs.address)
    first = customer.run("load", desk.folder / "1.0.0.tar.zst", "--output", "json")
    assert first.code == 0, first.stderr
    assert first.answer["channel"]["newest_version"] == "1.0.0"

    mistake = years_pass(desk)
    stick = tmp_path / "stick"
    stick.mkdir()
    bundle = stick / "1.4.0.tar.zst"
    shutil.copy(desk.folder / "1.4.0.tar.zst", bundle)
    _refused_but_learned(customer, bundle, theirs)
    _entitled(desk, customer, bundle, mistake)
    _old_ones_stay_out(desk, customer)
    _word_that_comes_alone(desk, customer, bundle)


def _refused_but_learned(customer: Customer, bundle: Path, theirs: RegistryServer) -> None:
    """Without an entitlement: refused, the registry untouched; but roots and channel are kept."""
    before = stored(theirs)
    refused = customer.run("load", bundle)
    assert refused.code == 25, refused.stderr
    assert "no entitlement of acme" in refused.stderr
    assert stored(theirs) == before
    line = customer.state.trust().line("shop")
    assert line is not None
    assert (line.chain.first_number, line.chain.number, line.floor) == (1, 3, 3)


def _entitled(desk: VendorsDesk, customer: Customer, bundle: Path, mistake: str) -> None:
    issued = ("--customer", "acme", "--product", "shop", "--until", "2099-12-31")
    desk.run("entitlement", "issue", *issued)
    paper = bundle.with_name("entitlement.json")
    shutil.copy(desk.folder / "entitlement.json", paper)
    assert customer.run("verify", bundle).code == 25  # not signed yet
    desk.sign("entitlement.json", "channel-2")
    signature = "entitlement.json.1.sigstore.json"
    shutil.copy(desk.folder / signature, bundle.with_name(signature))

    for command in ("inspect", "verify", "load"):
        done = customer.run(command, bundle, "--output", "json")
        assert done.code == 0, done.stderr
        said = done.answer["channel"]
        assert (said["newest_version"], said["newest_counter"]) == ("1.4.0", 5)
        assert (said["security_floor"], said["revoked"]) == (3, [mistake])
        assert said["age_days"] == 0
    shown = customer.run("inspect", bundle).stdout
    assert "newest 1.4.0 (counter 5), floor 3, 1 revoked" in shown
    paper.unlink()
    assert customer.run("verify", bundle).code == 0  # it is remembered


def _old_ones_stay_out(desk: VendorsDesk, customer: Customer) -> None:
    """What was good under root 1 is not any more: its key is retired."""
    refused = customer.run("verify", desk.folder / "1.0.0.tar.zst")
    assert refused.code == 23, refused.stderr
    assert "0 of the 1 release keys" in refused.stderr


def _word_that_comes_alone(desk: VendorsDesk, customer: Customer, bundle: Path) -> None:
    shown = customer.run("channel", "show", "--output", "json")
    assert shown.code == 0
    desk.run("channel", "issue", "--revoke", "release.json")
    unsigned = customer.run("channel", "import", desk.folder / "channel.json")
    assert unsigned.code == 23, unsigned.stderr
    desk.sign("channel.json", "channel-2")
    taken = customer.run("channel", "import", desk.folder / "channel.json", "--output", "json")
    assert taken.code == 0, taken.stderr
    assert taken.answer["new"]
    again = customer.run("channel", "import", desk.folder / "channel.json", "--output", "json")
    assert not again.answer["new"]
    refused = customer.run("verify", bundle)
    assert refused.code == 26, refused.stderr
    assert "revoked by the vendor" in refused.stderr
    assert customer.run("history", "--verify").code == 0
