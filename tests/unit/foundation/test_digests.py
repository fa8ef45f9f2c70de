from __future__ import annotations

import pytest

from airferry_foundation import digests
from airferry_foundation.errors import InputError

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("data", [b"", bytearray(), memoryview(b"")])
def test_a_digest_is_that_of_the_bytes(data: bytes) -> None:
    assert digests.digest(data) == EMPTY


def test_a_digest_is_shown_short_and_taken_apart() -> None:
    assert digests.short(EMPTY) == "e3b0c44298fc"
    assert digests.hex_of(EMPTY) == EMPTY[7:]
    assert digests.is_digest(EMPTY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        EMPTY[7:],
        EMPTY.upper(),
        EMPTY.replace("sha256", "sha512"),
        EMPTY[:-1],
        EMPTY + "0",
        EMPTY + "\n",
        " " + EMPTY,
        EMPTY.replace("b", "g"),
        EMPTY.replace("e3b0", "../x"),
    ],
)
def test_no_other_spelling_is_a_digest(text: str) -> None:
    assert not digests.is_digest(text)
    with pytest.raises(InputError, match="is not a digest"):
        digests.hex_of(text)
