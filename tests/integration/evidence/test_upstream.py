"""`verify:` in the spec, with the real cosign and images in a real registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_bundler import locking
from airferry_fixtures import images
from airferry_fixtures.cosigning import Cosigner
from airferry_fixtures.product_folder import ProductFolder, product_folder
from airferry_fixtures.servers.registry import RegistryServer
from airferry_foundation.errors import LockOutdatedError, SignatureError
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("cosign", "registry")
Start = Callable[..., RegistryServer]


@pytest.fixture(scope="module")
def cosigner(tmp_path_factory: pytest.TempPathFactory) -> Cosigner:
    return Cosigner.new(tmp_path_factory.mktemp("keys"))


def push(address: str, name: str, one: images.AnyImage | None = None) -> str:
    """An image of that name; `host/repository@digest`."""
    client = RegistryClient(RegistrySettings(address, plain_http=True))
    found = images.push_image(client, name, "1", one or images.tiny(name.encode()))
    return f"{address}/{name}@{found}"


def product(
    folder: Path, address: str, cosigner: Cosigner, *names: str, pattern: str = "*"
) -> ProductFolder:
    refs = [f'"{address}/{name}:1"' for name in names]
    made = product_folder(folder, refs, registries={address: "plain_http: true"})
    (folder / "upstream.pub").write_bytes((cosigner.folder / "key.pub").read_bytes())
    spec = folder / "airferry.yaml"
    wanted = f'verify: [{{images: "{pattern}", key: upstream.pub}}]\n'
    spec.write_text(spec.read_text() + wanted)
    return made


def test_both_forms_of_signatures_count(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner
) -> None:
    address = start_registry().address
    cosigner.sign(push(address, "acme/new"))
    cosigner.sign(push(address, "acme/old"), old=True)
    made = product(tmp_path, address, cosigner, "acme/new", "acme/old")
    found = locking.make(made.spec_file)
    signed = [note for note in found.notes if note.startswith("signed upstream")]
    assert len(signed) == 2


def test_images_that_are_not_signed_are_all_named(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner
) -> None:
    address = start_registry().address
    cosigner.sign(push(address, "acme/good"))
    push(address, "acme/bad")
    push(address, "acme/worse")
    made = product(tmp_path, address, cosigner, "acme/good", "acme/bad", "acme/worse")
    with pytest.raises(SignatureError) as refused:
        locking.make(made.spec_file)
    assert "acme/bad:1: no signature by upstream.pub" in refused.value.message
    assert "acme/worse:1" in refused.value.message
    assert "acme/good" not in refused.value.message


def test_only_images_that_the_pattern_fits_are_asked(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner
) -> None:
    address = start_registry().address
    push(address, "other/bad")
    cosigner.sign(push(address, "acme/web"))
    names = ("other/bad", "acme/web")
    made = product(tmp_path, address, cosigner, *names, pattern=f"{address}/acme/*")
    notes = locking.make(made.spec_file).notes
    assert [one for one in notes if "upstream" in one] == [
        f"signed upstream, by upstream.pub: {address}/acme/web:1"
    ]


def test_a_demand_that_fits_nothing_is_refused(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner
) -> None:
    """A slip, or a chart: nothing would be asked, and everybody would believe that it was."""
    address = start_registry().address
    cosigner.sign(push(address, "acme/web"))
    made = product(tmp_path, address, cosigner, "acme/web", pattern="oci://charts.example/shop")
    with pytest.raises(SignatureError, match=r"fits no image.*oci://charts.example/shop"):
        locking.make(made.spec_file)


def test_a_name_of_ones_own_is_no_way_past_it(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner
) -> None:
    address = start_registry().address
    push(address, "acme/bad")
    made = product(tmp_path, address, cosigner, "acme/bad", pattern=f"{address}/acme/*")
    spec = tmp_path / "airferry.yaml"
    named = f'{{ref: "{address}/acme/bad:1", name: "docker.io/library/good:1"}}'
    spec.write_text(spec.read_text().replace(f'"{address}/acme/bad:1"', named, 1))
    with pytest.raises(SignatureError, match=r"library/good:1: no signature by upstream.pub"):
        locking.make(made.spec_file)


def test_another_key_is_no_signature(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner
) -> None:
    address = start_registry().address
    Cosigner.new(tmp_path / "stranger").sign(push(address, "acme/web"))
    made = product(tmp_path / "product", address, cosigner, "acme/web")
    with pytest.raises(SignatureError, match="acme/web"):
        locking.make(made.spec_file)


@pytest.mark.parametrize("old", [False, True])
def test_an_attestation_about_an_image_is_no_signature_of_it(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner, old: bool
) -> None:
    address = start_registry().address
    image = push(address, "acme/web")
    cosigner.attest(image, old=old)
    made = product(tmp_path, address, cosigner, "acme/web")
    with pytest.raises(SignatureError, match="no signature by"):
        locking.make(made.spec_file)
    if not old:
        assert cosigner.verifies(image)  # which is why its answer is read again


def test_a_signed_index_covers_the_platform_that_is_taken_of_it(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner
) -> None:
    address = start_registry().address
    both = images.MultiImage(
        (images.tiny(b"a"), images.tiny(b"b", platform="linux/arm64")),
    )
    cosigner.sign(push(address, "acme/web", both))
    made = product(tmp_path, address, cosigner, "acme/web")
    found = locking.make(made.spec_file)
    assert found.lock.release.images[0].index == both.digest


def test_a_local_layout_can_not_be_held_to_it(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner
) -> None:
    address = start_registry().address
    images.write_layout(tmp_path / "layout", {"docker.io/acme/web:1": images.tiny()})
    made = product(tmp_path, address, cosigner, pattern="docker.io/*")
    spec = tmp_path / "airferry.yaml"
    spec.write_text(
        spec.read_text().replace("images:\n", 'images: ["oci:layout:docker.io/acme/web:1"]\n', 1)
    )
    with pytest.raises(SignatureError, match="local copy"):
        locking.make(made.spec_file)


def test_another_key_file_makes_the_lock_stale(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner
) -> None:
    address = start_registry().address
    cosigner.sign(push(address, "acme/web"))
    made = product(tmp_path, address, cosigner, "acme/web")
    made.release()
    made.build()
    (tmp_path / "upstream.pub").write_text("another")
    with pytest.raises(LockOutdatedError, match=r"upstream\.pub"):
        made.build()
