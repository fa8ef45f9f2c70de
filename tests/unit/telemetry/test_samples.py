from __future__ import annotations

import pytest

from airferry_foundation.errors import InputError
from airferry_telemetry import samples
from airferry_telemetry.catalogue import STANDARD
from airferry_telemetry.samples import sample

WORKLOADS = "airferry_workloads"
LABELS = {"environment": "staging", "product": "shop", "state": "ready"}


def test_the_text_has_one_spelling() -> None:
    found = [
        sample(WORKLOADS, LABELS, 20, 3),
        sample(WORKLOADS, LABELS, 10, 2),
        sample("airferry_kubernetes_info", {"version": "v1.37.2"}, 10, 1),
    ]
    text = samples.write(found, STANDARD)
    assert text == samples.write(reversed(found), STANDARD)
    assert text.decode().splitlines() == [
        (
            "# HELP airferry_kubernetes_info Which Kubernetes runs, so that the vendor keeps "
            "supporting it; always 1."
        ),
        "# TYPE airferry_kubernetes_info gauge",
        'airferry_kubernetes_info{version="v1.37.2"} 1 10',
        "# HELP airferry_workloads How many workloads are ready, waiting and failed.",
        "# TYPE airferry_workloads gauge",
        'airferry_workloads{environment="staging",product="shop",state="ready"} 2 10',
        'airferry_workloads{environment="staging",product="shop",state="ready"} 3 20',
        "# EOF",
    ]
    assert samples.read(text) == tuple(sorted(found))


def test_nothing_at_all_is_a_text_too() -> None:
    assert samples.read(samples.write([], STANDARD)) == ()


def test_a_metric_outside_the_catalogue_is_not_written() -> None:
    with pytest.raises(InputError, match="not in the catalogue"):
        samples.write([sample("passwords", {}, 1, 1)], STANDARD)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"airferry_workloads 1 1\n",
        b"airferry_workloads{} 1 1\nrest\n# EOF\n",
        b'airferry_workloads{a="1",} 1 1\n# EOF\n',
        b'airferry_workloads{a="1" } 1 1\n# EOF\n',
        b'airferry_workloads{a="1"} 1.0 1\n# EOF\n',
        b'airferry_workloads{a="1"} NaN 1\n# EOF\n',
        b'airferry_workloads{a="\x1b\xff"} 1 1\n# EOF\n',
        b'airferry_workloads{a="1"} 1 2\nairferry_workloads{a="1"} 1 1\n# EOF\n',
        b'airferry_workloads{a="1"} 1 1\nairferry_workloads{a="1"} 1 1\n# EOF\n',
        b"# EOF\n# EOF\n\n",
    ],
    ids=range(11),
)
def test_another_spelling_is_refused(text: bytes) -> None:
    with pytest.raises(InputError, match=r"metrics\.om"):
        samples.read(text)
