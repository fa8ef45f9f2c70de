from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from airferry_fixtures.signers import new_key, root_of, signed
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError, RootError
from airferry_signing import roots
from airferry_signing.root_document import Role, Root

A, B, C = new_key(), new_key(), new_key()


def _read(root: Root) -> Root:
    return roots.read_root(documents.encode(root), "root 1")


def test_a_root_is_read_as_it_was_written() -> None:
    root = root_of([A, B], thresholds={"release": 2})
    assert _read(root) == root
    assert roots.keys_of(root, "release").keys() == {A.key_id, B.key_id}


def test_a_root_without_a_role_is_refused() -> None:
    root = root_of([A])
    roles = {name: part for name, part in root.roles.items() if name != "ack"}
    with pytest.raises(RootError, match="role 'ack' is missing"):
        _read(msgspec.structs.replace(root, roles=roles))


@pytest.mark.parametrize(
    ("role", "words"),
    [
        (Role(keys=(A.key_id, A.key_id), threshold=1), "names a key twice"),
        (Role(keys=(A.key_id,), threshold=2), "threshold 2 of 1"),
        (Role(keys=(A.key_id, C.key_id), threshold=1), "not among the keys"),
        (Role(keys=(), threshold=1), "length >= 1"),
        (Role(keys=(A.key_id,), threshold=0), ">= 1"),
        (Role(keys=(A.key_id,), threshold=17), "<= 16"),
    ],
    ids=["twice", "threshold too high", "unknown key", "no key", "threshold 0", "threshold 17"],
)
def test_a_role_that_breaks_a_rule_is_refused(role: Role, words: str) -> None:
    root = root_of([A])
    with pytest.raises(RootError, match=words):
        _read(msgspec.structs.replace(root, roles={**root.roles, "release": role}))


def test_seventeen_keys_are_too_many() -> None:
    with pytest.raises(RootError, match="length <= 16"):
        _read(root_of([new_key() for _ in range(17)]))


def test_a_key_under_another_id_is_refused() -> None:
    root = root_of([A, B])
    swapped = {A.key_id: B.public.pem, B.key_id: A.public.pem}
    with pytest.raises(RootError, match="but its id is"):
        _read(msgspec.structs.replace(root, keys=swapped))


def test_a_key_that_no_role_names_is_refused() -> None:
    root = root_of([A])
    more = {**root.keys, B.key_id: B.public.pem}
    with pytest.raises(RootError, match="no role names"):
        _read(msgspec.structs.replace(root, keys=more))


def test_bytes_that_are_not_canonical_are_refused() -> None:
    data = documents.encode(root_of([A]))
    with pytest.raises(RootError, match="not canonical"):
        roots.read_root(data + b"\n", "root 1")


def test_pinning_by_fingerprint_needs_no_signature() -> None:
    one = signed(root_of([A]))
    chain = roots.pin(one, digest(one.document))
    assert (chain.number, chain.first_number) == (1, 1)
    assert chain.fingerprint == digest(one.document)


def test_pinning_the_middle_takes_over_what_follows() -> None:
    offered = {
        1: signed(root_of([A]), A),
        2: signed(root_of([A, B], number=2), A),
        3: signed(root_of([B], number=3), A, B),
    }
    chain = roots.pin(offered, digest(offered[2].document))
    assert (chain.first_number, chain.number) == (2, 3)
    assert [root.number for root in chain.roots] == [2, 3]


def test_a_chain_goes_on_and_only_the_newest_root_supplies_keys() -> None:
    one = signed(root_of([A]))
    chain = roots.pin(one, digest(one.document))
    chain = roots.extend(chain, {2: signed(root_of([B], number=2), A, B)}, cosign=None)
    assert chain.newest.roles["release"].keys == (B.key_id,)


def test_fewer_roots_than_known_are_fine() -> None:
    one, two = signed(root_of([A])), signed(root_of([A], number=2), A)
    chain = roots.extend(roots.pin(one, digest(one.document)), {2: two}, cosign=None)
    assert roots.extend(chain, {1: one}, cosign=None) == chain
    assert roots.extend(chain, {}, cosign=None) == chain


def test_other_signatures_of_a_known_root_are_no_fork() -> None:
    one = signed(root_of([A]), A)
    chain = roots.pin(one, digest(one.document))
    assert roots.extend(chain, {1: signed(one.document, A, A)}, cosign=None) == chain


def test_roots_that_hold_are_kept_though_a_later_one_is_bad() -> None:
    one = signed(root_of([A]))
    chain = roots.pin(one, digest(one.document))
    offered = {2: signed(root_of([B], number=2), A, B), 3: signed(root_of([C], number=3), C)}
    kept, error = roots.advance(chain, offered, cosign=None)
    assert kept.number == 2
    assert isinstance(error, RootError)


def test_a_folder_of_roots_is_read_by_number(tmp_path: Path) -> None:
    one = signed(root_of([A]), A, B)
    (tmp_path / "1.json").write_bytes(one.document)
    for number, signature in enumerate(one.signatures, 1):
        (tmp_path / f"1.json.{number}.sigstore.json").write_bytes(signature)
    (tmp_path / "notes.txt").write_text("mine")
    assert roots.read_folder(tmp_path) == {1: one}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        roots.read_folder(tmp_path / "nowhere")
