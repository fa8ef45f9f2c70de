from __future__ import annotations

import stat
from pathlib import Path

import pytest

from airferry_fixtures.signers import new_key
from airferry_foundation import process
from airferry_foundation.errors import InputError, PassphraseError
from airferry_signing import cosign, keys, verifier
from airferry_signing.cosign import Cosign
from airferry_signing.keys import PublicKey

pytestmark = pytest.mark.program("cosign")
DOCUMENT = b'{"schema":"airferry.release/v1"}'


@pytest.fixture(scope="module")
def program() -> Cosign:
    return cosign.find()


@pytest.fixture(scope="module")
def pair(program: Cosign, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PublicKey]:
    folder = tmp_path_factory.mktemp("keys")
    private, public = program.generate_key_pair(folder / "vendor", "opens it")
    return private, keys.read_public_key(public.read_bytes(), name=str(public))


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "release.json"
    path.write_bytes(DOCUMENT)
    return path


def test_both_verifiers_accept_what_cosign_signed(
    program: Cosign, pair: tuple[Path, PublicKey], document: Path
) -> None:
    private, public = pair
    bundle = program.sign_blob(document, str(private), "opens it")
    known = {public.key_id: public}
    assert verifier.signer(DOCUMENT, bundle, known, name="s", cosign=None) == public.key_id
    assert verifier.signer(DOCUMENT, bundle, known, name="s", cosign=program) == public.key_id


def test_cosign_accepts_what_the_fixtures_sign(program: Cosign) -> None:
    key = new_key()
    assert program.verify_blob(DOCUMENT, key.sign(DOCUMENT), key.public)
    assert not program.verify_blob(DOCUMENT + b" ", key.sign(DOCUMENT), key.public)
    assert not program.verify_blob(DOCUMENT, key.sign(DOCUMENT), new_key().public)


def test_the_stock_command_line_verifies_a_signature_beside_its_file(
    program: Cosign, pair: tuple[Path, PublicKey], document: Path
) -> None:
    private, public = pair
    signature = document.with_name("release.json.1.sigstore.json")
    signature.write_bytes(program.sign_blob(document, str(private), "opens it"))
    public_file = document.with_name("vendor.pub")
    public_file.write_text(public.pem)
    command = [program.path, "verify-blob", "--key", public_file, "--insecure-ignore-tlog=true"]
    process.checked([*command, "--bundle", signature, document])


def test_a_private_key_is_private_and_says_its_public_half(
    program: Cosign, pair: tuple[Path, PublicKey]
) -> None:
    private, public = pair
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert program.public_key(str(private), "opens it") == public


def test_a_wrong_passphrase_is_named(
    program: Cosign, pair: tuple[Path, PublicKey], document: Path
) -> None:
    with pytest.raises(PassphraseError, match="wrong passphrase"):
        program.sign_blob(document, str(pair[0]), "does not")


def test_a_key_that_is_not_there_is_named(program: Cosign, document: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        program.sign_blob(document, "nowhere.key", "")


def test_a_pair_is_never_replaced(program: Cosign, pair: tuple[Path, PublicKey]) -> None:
    before = pair[0].read_bytes()
    with pytest.raises(InputError, match="exists already"):
        program.generate_key_pair(pair[0].with_suffix(""), "")
    assert pair[0].read_bytes() == before
