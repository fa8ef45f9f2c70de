from __future__ import annotations

from pathlib import Path

import pytest

from airferry_foundation.errors import ChartError
from airferry_rendering import charts, packing


def package(**files: str) -> bytes:
    contents = {"c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", **files}
    return packing.pack_files({path: text.encode() for path, text in contents.items()})


def test_facts_are_read_without_rendering() -> None:
    facts = charts.read_chart(
        package(
            **{
                "c/values.yaml": "replicas: 1\n",
                "c/values.schema.json": "{}",
                "c/templates/s.yaml": '{{ $s := lookup "v1" "Secret" .Release.Namespace "s" }}',
                "c/charts/sub/Chart.yaml": "name: sub\n",
                "c/crds/t.yaml": "apiVersion: v1\nkind: X\nmetadata: {name: t}\n",
            }
        )
    )
    assert (facts.name, facts.version, facts.values) == ("c", "1.0.0", {"replicas": 1})
    assert facts.schema == b"{}"
    assert facts.lookups == ('c/templates/s.yaml: "v1" "Secret" .Release.Namespace "s"',)
    assert [crd["metadata"]["name"] for crd in facts.crds] == ["t"]


def test_a_folder_has_the_same_facts(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("name: c\nversion: 1.0.0\n")
    assert charts.read_chart(tmp_path).version == "1.0.0"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"c/Chart.yaml": "name: c\n"}, "no version"),
        ({"c/Chart.yaml": "- x\n"}, "expected one mapping"),
        ({"d/Chart.yaml": "x: 1\n"}, "no Chart.yaml at its top"),
        ({"c/values.yaml": "a: ["}, r"values\.yaml, line 2"),
    ],
)
def test_what_is_no_chart_is_refused(files: dict[str, str], said: str) -> None:
    with pytest.raises(ChartError, match=said):
        charts.read_chart(package(**files))


def test_values_merge_as_helm_merges_them() -> None:
    lower = b"a: {x: 1, v: {z: 1}}\nl: [1, 2]\n"
    upper = b"a: {v: {w: 2}, x: null}\nl: [3]\n"
    assert charts.read_values([lower, b"", upper]) == {
        "a": {"x": None, "v": {"z": 1, "w": 2}},
        "l": [3],
    }


COMPLAINTS = {
    """Error: parse error at (c/templates/x.yaml:3): function "foo" not defined

Use --debug flag to render out invalid YAML""": 'line 3: function "foo" not defined',
    "Error: execution error at (c/templates/x.yaml:7:4): host is required": (
        "line 7: host is required"
    ),
    """Error: YAML parse error on c/templates/x.yaml: error converting YAML to JSON: yaml: line 5: \
did not find expected key""": "line 5: did not find expected key",
    """Error: template: c/templates/x.yaml:2:11: executing "c/templates/x.yaml" at <.Values.a.b>: \
nil pointer evaluating interface {}.b""": (
        'line 2: executing "c/templates/x.yaml" at <.Values.a.b>: '
        "nil pointer evaluating interface {}.b"
    ),
    "Error: c/templates/x.yaml:1:13\n  executing it:\n    nil pointer": (
        "line 1: executing it: nil pointer"
    ),
}


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_a_complaint_of_helm_names_chart_file_and_line(complaint: str) -> None:
    message = charts.chart_error("c.tgz", complaint).message
    assert message == f"chart c.tgz, c/templates/x.yaml, {COMPLAINTS[complaint]}"


def test_another_complaint_is_told_as_it_is() -> None:
    message = charts.chart_error("c.tgz", "Error: something else").message
    assert message == "chart c.tgz can't be rendered: something else"
