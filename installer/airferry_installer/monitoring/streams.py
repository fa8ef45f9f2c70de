"""Streams of exports: one an environment, bound to the cluster that it ran on.

`seq` counts what was let go, without a hole; `previous` chains each export to the one before it.
Another cluster under the same name is another instance of the environment: a new lineage begins.
"""

from __future__ import annotations

import secrets
from typing import Literal

import msgspec

from airferry_foundation import documents
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest
from airferry_foundation.documents import Document
from airferry_installer.state import StateFolder
from airferry_telemetry.envelope import Count, Name, Number, RandomId

_MAX_BYTES = 4096


class Stream(Document, frozen=True, kw_only=True):
    """Where an environment's stream is.

    `seq` and `previous` are of the last export let go; `until` is the end of its period; `pending`
    is the tar that was previewed and not let go yet.
    """

    schema: Literal["airferry.stream/v1"]
    environment: Name
    cluster: str
    lineage: RandomId
    epoch: Number
    seq: Count = 0
    previous: Digest | None = None
    until: Timestamp | None = None
    pending: Digest | None = None


def read(state: StateFolder, environment: str) -> Stream | None:
    """The stream of an environment, None before its first preview or export."""
    text = state.setting(_name(environment))
    if text is None:
        return None
    return documents.decode(text.encode(), Stream, name="the stream", cap=_MAX_BYTES)


def current(state: StateFolder, environment: str, cluster: str) -> Stream:
    """The stream that goes on, or a new one; `cluster` is '' where it can't be told today."""
    known = read(state, environment)
    if known is not None and cluster in ("", known.cluster):
        return known
    if known is not None and not known.cluster:  # it could not be told until today
        return msgspec.structs.replace(known, cluster=cluster)
    return Stream(
        schema="airferry.stream/v1",
        environment=environment,
        cluster=cluster,
        lineage=secrets.token_hex(16),
        epoch=1,
    )


def write(state: StateFolder, stream: Stream) -> None:
    """Remember where a stream is."""
    state.set(_name(stream.environment), documents.encode(stream).decode())


def restart(state: StateFolder) -> None:
    """Begin every stream anew: a restored state does not know what was let go after its backup."""
    for name in state.settings(_name("")):
        known = read(state, name.removeprefix(_name("")))
        if known is not None:
            again = {"epoch": known.epoch + 1, "seq": 0, "previous": None, "pending": None}
            write(state, msgspec.structs.replace(known, **again))


def _name(environment: str) -> str:
    return f"telemetry/stream/{environment}"
