from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airferry_fixtures import telemetry
from airferry_foundation.errors import AirferryError, ClusterUnreachableError, InputError
from airferry_installer.monitoring import exporting, sampling
from airferry_telemetry import envelope, samples
from airferry_telemetry.catalogue import CATEGORIES, STANDARD
from airferry_telemetry.redaction import redact
from airferry_telemetry.samples import Sample, sample

VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.sampled_from([metric.name for metric in STANDARD.metrics])
POINTS = st.builds(
    sample,
    NAMES,
    st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), VALUES, max_size=3),
    st.integers(0, 10**11 - 1),
    st.one_of(st.integers(-(10**9), 10**9), st.decimals(-100, 100, places=3).map(float)),
)


@given(st.lists(POINTS, max_size=6))
def test_what_is_written_is_read_again(points: list[Sample]) -> None:
    assert samples.read(samples.write(points, STANDARD)) == tuple(sorted(set(points)))


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail_otherwise(data: bytes) -> None:
    try:
        samples.read(data)
    except InputError:
        return


@given(st.lists(POINTS, max_size=6), st.sets(st.sampled_from(CATEGORIES)))
def test_nothing_leaves_but_what_the_catalogue_and_consent_allow(
    points: list[Sample], categories: set[str]
) -> None:
    leaving, report = redact(points, STANDARD, frozenset(categories), b"k" * 32)
    for one in leaving:
        metric = STANDARD.metric(one.metric)
        assert metric is not None
        assert metric.category in categories
        assert {name for name, _ in one.labels} <= set(metric.labels)
        assert all(len(value) == 16 for name, value in one.labels if metric.labels[name] == "hash")
    assert sum(report.kept.values()) + sum(report.dropped.values()) == len(points)


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder: Path = tmp_path_factory.mktemp("export")
    vendor = telemetry.office(folder / "vendor")
    recipients = {"default": {"operations": vendor.identity.recipient}}
    state = telemetry.customer_state(folder / "customer", recipients)
    telemetry.agree(state)

    def connect(*arguments: object) -> None:
        raise ClusterUnreachableError("nowhere can't be reached")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "connect", connect)
        return exporting.prepare(state, "staging").tar


@given(st.data())
def test_an_export_with_any_byte_changed_cut_or_added_is_refused(
    tar: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(tar) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "append"]))
    if kind == "flip":
        bits = data.draw(st.integers(1, 255))
        changed = tar[:at] + bytes([tar[at] ^ bits]) + tar[at + 1 :]
    elif kind == "cut":
        changed = tar[:at]
    else:
        more = data.draw(st.binary(min_size=1, max_size=600))
        changed = tar + more if kind == "append" else tar[:at] + more + tar[at:]
    with pytest.raises(AirferryError):
        envelope.unpack(changed, name="export")
