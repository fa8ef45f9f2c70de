from __future__ import annotations

from typing import Any

import msgspec
import pytest

from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_foundation.errors import StateTamperedError
from airferry_installer.planning import rendered, sealed_values
from airferry_installer.planning.rendered import Rendered, RenderedObject, effective
from airferry_installer.planning.sealed_values import Mask
from airferry_installer.state import StateFolder

SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "s", "namespace": "n"},
    "data": {"made": "cmFuZG9t", "given": "Z2l2ZW4="},
}
NAME = "/Secret/n/s"


def release(mask: Mask, **fields: Any) -> Rendered:
    body = mask.secret({**SECRET, "data": {**SECRET["data"], "made": "generated"}})
    item = RenderedObject(phase="config", chart="c", body=body, generated=("/data/made",), **fields)
    return Rendered(
        schema="airferry.rendered/v1",
        product="shop",
        version="1.0.0",
        release=digest(b"r"),
        release_counter=1,
        epoch=1,
        environment="staging",
        namespace="n",
        operation="install",
        inputs=digest(b"i"),
        objects=(item,),
    )


FRESH = {NAME: {"/data/made": "cmFuZG9t", "/data/given": "Z2l2ZW4="}}


def test_a_rendered_release_holds_words_and_gives_the_data_back(state: StateFolder) -> None:
    mask = Mask(state.hmac_key())
    kept = rendered.store(state, release(mask), fresh=FRESH)
    loaded = rendered.load(state, kept)
    data = loaded.objects[0].body["data"]
    assert data["made"] == "generated"
    assert data["given"].startswith("hmac:")
    (item,) = rendered.with_secrets(state, loaded)
    assert item.body["data"] == SECRET["data"]
    assert b"Z2l2ZW4" not in b"".join(
        path.read_bytes() for path in state.folder.rglob("*") if path.is_file()
    )


def test_what_was_made_once_is_taken_again_and_the_live_value_wins(state: StateFolder) -> None:
    mask = Mask(state.hmac_key())
    rendered.store(state, release(mask), fresh=FRESH)
    other = {NAME: {**FRESH[NAME], "/data/made": "b3RoZXI="}}
    kept = rendered.store(state, release(mask), fresh=other)
    loaded = rendered.load(state, kept)
    assert rendered.with_secrets(state, loaded)[0].body["data"]["made"] == "cmFuZG9t"
    rendered.store(state, release(mask), fresh=other, live={NAME: {"/data/made": "bGl2ZQ=="}})
    assert rendered.with_secrets(state, loaded)[0].body["data"]["made"] == "bGl2ZQ=="


def test_a_changed_file_is_noticed(state: StateFolder) -> None:
    kept = rendered.store(state, release(Mask(state.hmac_key())))
    path = state.folder / "rendered" / kept.removeprefix("sha256:")
    path.write_bytes(path.read_bytes().replace(b"1.0.0", b"1.0.1"))
    with pytest.raises(StateTamperedError):
        rendered.load(state, kept)


def test_numbers_below_zero_survive(state: StateFolder) -> None:
    odd = RenderedObject(phase="config", chart="c", body={**SECRET, "data": {}, "n": [-5, 0.5]})
    document = msgspec.structs.replace(release(Mask(b"k")), objects=(odd,))
    assert rendered.load(state, rendered.store(state, document)) == document


def test_generated_and_ignored_fields_have_their_live_value() -> None:
    body = {"metadata": {}, "spec": {"made": "new", "replicas": 1, "gone": 2, "x": 3}}
    item = RenderedObject(
        phase="workloads",
        chart="c",
        body=body,
        generated=("/spec/made",),
        ignored=("/spec/replicas", "/spec/gone"),
    )
    live = {"metadata": {}, "spec": {"made": "old", "replicas": 7, "x": 4}}
    assert effective(item, live)["spec"] == {"made": "old", "replicas": 7, "x": 3}
    assert effective(item, None) == body
    assert body["spec"]["replicas"] == 1


def test_words_differ_by_place_and_by_key() -> None:
    mask = Mask(b"a" * 32)
    assert mask.word("x", "v") == mask.word("x", "v")
    assert mask.word("x", "v") != mask.word("y", "v")
    assert mask.word("x", "v") != Mask(b"b" * 32).word("x", "v")


def test_only_secrets_hold_secret_values() -> None:
    assert sealed_values.secret_values({**SECRET, "kind": "ConfigMap"}) == {}
    assert set(sealed_values.secret_values(SECRET)) == {"/data/made", "/data/given"}
    assert documents.digest_of(Mask(b"k").secret({**SECRET, "kind": "ConfigMap"}))
