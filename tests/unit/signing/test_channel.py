from __future__ import annotations

import msgspec
import pytest

from airferry_fixtures.signers import ISSUED_AT
from airferry_foundation import documents
from airferry_foundation.errors import DocumentError, ReleaseRefusedError
from airferry_signing import channel
from airferry_signing.channel import Channel

SAID = Channel(
    schema="airferry.channel/v1",
    product="shop",
    epoch=1,
    sequence=5,
    newest_counter=14,
    newest_version="1.4.0",
    security_floor=12,
    issued_at=ISSUED_AT,
)


def test_a_statement_is_read_as_it_was_written() -> None:
    assert channel.read(documents.encode(SAID)) == SAID


def test_another_document_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"airferry\.channel/v1"):
        channel.read(b'{"schema":"airferry.release/v1"}')


@pytest.mark.parametrize(("epoch", "sequence"), [(1, 6), (2, 1)])
def test_the_higher_epoch_then_sequence_wins(epoch: int, sequence: int) -> None:
    later = msgspec.structs.replace(SAID, epoch=epoch, sequence=sequence)
    assert channel.newer(SAID, later) == later
    assert channel.newer(later, SAID) == later
    assert channel.newer(None, SAID) == SAID


def test_two_statements_at_one_place_are_refused() -> None:
    other = msgspec.structs.replace(SAID, security_floor=0)
    assert channel.newer(SAID, SAID) == SAID
    with pytest.raises(ReleaseRefusedError, match="sequence 5"):
        channel.newer(SAID, other)
