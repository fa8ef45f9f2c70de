from __future__ import annotations

from typing import Literal

import msgspec
import pytest

from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_foundation.documents import Document
from airferry_foundation.errors import DocumentError


class Letter(Document, frozen=True, kw_only=True):
    schema: Literal["airferry.test-letter/v1"]
    subject: str
    pages: int = 0
    tags: tuple[str, ...] = ()
    about: dict[str, str] = msgspec.field(default_factory=dict)


LETTER = Letter(schema="airferry.test-letter/v1", subject="hello")


def decode(data: bytes, **options: object) -> Letter:
    return documents.decode(data, Letter, name="letter.json", **options)  # type: ignore[arg-type]


def test_encoding_sorts_keys_and_leaves_defaults_out() -> None:
    assert documents.encode(LETTER) == b'{"schema":"airferry.test-letter/v1","subject":"hello"}'
    fuller = Letter(schema=LETTER.schema, subject="é", tags=("b", "a"), about={"z": "1", "a": "2"})
    assert (
        documents.encode(fuller)
        == (
            '{"about":{"a":"2","z":"1"},"schema":"airferry.test-letter/v1",'
            '"subject":"é","tags":["b","a"]}'
        ).encode()
    )


def test_decoding_gives_back_what_was_encoded() -> None:
    assert decode(documents.encode(LETTER)) == LETTER
    assert documents.digest_of(LETTER) == digest(documents.encode(LETTER))


# ruff: noqa: E501 - a spelling a line
@pytest.mark.parametrize(
    ("case", "data"),
    [
        ("a space", b'{"schema":"airferry.test-letter/v1", "subject":"hello"}'),
        ("a newline at the end", b'{"schema":"airferry.test-letter/v1","subject":"hello"}\n'),
        ("unsorted keys", b'{"subject":"hello","schema":"airferry.test-letter/v1"}'),
        ("a duplicate key", b'{"schema":"airferry.test-letter/v1","subject":"a","subject":"b"}'),
        ("a default spelled out", b'{"pages":0,"schema":"airferry.test-letter/v1","subject":"a"}'),
        ("an escape", b'{"schema":"airferry.test-letter/v1","subject":"\\u0068ello"}'),
        ("an unknown field", b'{"schema":"airferry.test-letter/v1","subject":"a","x":1}'),
        ("a missing field", b'{"schema":"airferry.test-letter/v1"}'),
        ("another type", b'{"schema":"airferry.test-letter/v1","subject":1}'),
        ("a huge integer", b'{"pages":9007199254740992,"schema":"airferry.test-letter/v1","subject":"a"}'),
        ("a negative one", b'{"pages":-1,"schema":"airferry.test-letter/v1","subject":"a"}'),
        ("a longer one", b'{"pages":' + b"9" * 24 + b',"schema":"airferry.test-letter/v1","subject":"a"}'),
        ("bad UTF-8", b'{"schema":"airferry.test-letter/v1","subject":"\xff"}'),
        ("half a document", b'{"schema":"airferry.test-letter/v1"'),
        ("nothing", b""),
        ("a list", b"[]"),
        ("deep nesting", b"[" * 100_000),
        ("a control character", b'{"schema":"airferry.test-letter/v1","subject":"\\u001b[2J"}'),
        ("a text that turns around", '{"schema":"airferry.test-letter/v1","subject":"\u202e"}'.encode()),
        ("a key that does", '{"about":{"\u202e":"a"},"schema":"airferry.test-letter/v1","subject":"a"}'.encode()),
    ],
)  # fmt: skip
def test_every_other_spelling_is_refused(case: str, data: bytes) -> None:
    with pytest.raises(DocumentError, match=r"letter\.json|nested"):
        decode(data)


def test_another_schema_is_named_with_what_was_expected() -> None:
    data = documents.encode({"schema": "airferry.test-letter/v2", "subject": "a"})
    with pytest.raises(DocumentError, match=r"v2.*expected 'airferry.test-letter/v1'") as caught:
        decode(data)
    assert "update" in caught.value.hint


def test_a_document_over_its_cap_is_refused_unread() -> None:
    with pytest.raises(DocumentError, match="at most 10"):
        decode(documents.encode(LETTER), cap=10)


def test_control_characters_may_pass_where_they_are_escaped_later() -> None:
    noisy = Letter(schema=LETTER.schema, subject="\x1b[2J")
    assert decode(documents.encode(noisy), text="any") == noisy
