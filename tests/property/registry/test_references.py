"""Laws of references: they read back as they were written, and local names are valid ones."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from airferry_foundation.errors import ImageReferenceError
from airferry_registry.references import Reference, local_repository, parse

ALNUM = "abcdefghijklmnopqrstuvwxyz0123456789"
parts = st.lists(st.text(ALNUM, min_size=1, max_size=8), min_size=1, max_size=3)
components = st.builds("".join, st.tuples(st.text(ALNUM, min_size=1), st.sampled_from(
    [".x", "_x", "__x", "-x", "--x", ""])))  # fmt: skip
paths = st.lists(components, min_size=2, max_size=4).map("/".join)
labels = st.text(ALNUM + "ABC", min_size=1, max_size=10)
hosts = st.builds(
    lambda names, port: ".".join([*names, "example"]) + (f":{port}" if port else ""),
    st.lists(labels, min_size=1, max_size=3),
    st.integers(0, 65535),
)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
digests = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)
references = st.builds(
    lambda host, path, version: Reference(host, path, *version),
    hosts,
    paths,
    st.one_of(st.tuples(tags, st.none()), st.tuples(st.none(), digests), st.tuples(tags, digests)),
)


@given(references)
def test_what_is_written_reads_back(reference: Reference) -> None:
    assert parse(str(reference)) == reference


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        reference = parse(text)
    except ImageReferenceError:
        return
    assert parse(str(reference)) == reference
    assert str(reference).isascii()


@given(references, st.booleans())
def test_local_names_are_repositories(reference: Reference, flatten: bool) -> None:
    local = local_repository(str(reference), flatten=flatten)
    assert parse(f"127.0.0.1:5000/{local}").repository == local
    assert ("/" in local) is not flatten
    assert re.fullmatch(r"[a-z0-9._/-]+", local)
