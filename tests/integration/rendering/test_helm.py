from __future__ import annotations

import json
from pathlib import Path

import pytest

from airferry_foundation.errors import ChartError
from airferry_rendering import charts, generated, packing, yaml_stream
from airferry_rendering.charts import Capabilities, RenderedChart

pytestmark = pytest.mark.program("helm")

CAPABILITIES = Capabilities("v1.37.2", ("apps/v1", "shop.example/v1/Order"))
SCALARS = [
    "y",
    "n",
    "yes",
    "No",
    "on",
    "OFF",
    "true",
    "tRUE",
    "2001-01-01",
    "2001-01-01T00:00:00Z",
    "12:30:45",
    "0644",
    "-0644",
    "+0644",
    "0o644",
    "0x1F",
    "1_000",
    "1e3",
    "1.0",
    "1.5",
    ".5",
    "5.",
    "~",
    "null",
    "+1",
    "-3",
    "0b11",
    "1e400",
    "08",
    "=",
    "<<",
    "0x",
    "1e",
    "1.2.3",
    "12e03",
    "Null",
    "TRUE",
    "-0x1",
    "1_0.5",
    "+.5",
    "123456789012",
    "16777217",
    "-0",
    "-.5",
    "00",
    "09.5",
    "1e-3",
    "0_7",
    "1E5",
    "1.e2",
    "0.1e1",
    "._5",
    ".5_0",
    "_1",
    "1__2",
    "1_",
    "1.2e",
    "190:20:30",
    "0o9",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: c\nversion: 1.0.0\n")
    return chart


def render(
    folder: Path, *values: str, operation: charts.Operation = "install", **options: bool
) -> RenderedChart:
    package = folder.parent / "c-1.0.0.tgz"
    package.write_bytes(packing.pack_chart(folder))
    return charts.render(
        package,
        release_name="r",
        namespace="shop",
        values=[value.encode() for value in values],
        capabilities=CAPABILITIES,
        operation=operation,
        **options,
    )


def config_map(name: str, **data: str) -> str:
    lines = "".join(f"  {key}: {value}\n" for key, value in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{lines}"


def test_our_scalars_are_helms(folder: Path) -> None:
    template = "".join(
        f'  k{n}: {{{{ "a: {scalar}" | fromYaml | toJson | quote }}}}\n'
        for n, scalar in enumerate(SCALARS)
    )
    (folder / "templates" / "a.yaml").write_text(config_map("a") + template)
    (obj,) = render(folder).bodies()
    for number, scalar in enumerate(SCALARS):
        helms = json.loads(obj["data"][f"k{number}"])["a"]
        assert yaml_stream.scalar(scalar) == helms, scalar
        assert type(yaml_stream.scalar(scalar)) is type(helms), scalar


def test_values_reach_templates_and_later_ones_win(folder: Path) -> None:
    (folder / "values.yaml").write_text("a: chart\nb: chart\nc: chart\n")
    template = config_map("a", a="{{ .Values.a }}", b="{{ .Values.b }}", c="{{ .Values.c }}")
    (folder / "templates" / "a.yaml").write_text(template)
    (obj,) = render(folder, "b: vendor\nc: vendor\n", "c: site\n").bodies()
    assert obj["data"] == {"a": "chart", "b": "vendor", "c": "site"}


def test_templates_see_cluster_operation_and_namespace(folder: Path) -> None:
    template = config_map(
        "{{ .Release.Name }}",
        version="{{ .Capabilities.KubeVersion.Version }}",
        has='{{ .Capabilities.APIVersions.Has "shop.example/v1/Order" | quote }}',
        lacks='{{ .Capabilities.APIVersions.Has "other.example/v1" | quote }}',
        upgrade="{{ .Release.IsUpgrade | quote }}",
        where="{{ .Release.Namespace }}",
    )
    (folder / "templates" / "a.yaml").write_text(template)
    (obj,) = render(folder, operation="upgrade").bodies()
    assert obj["metadata"]["name"] == "r"
    assert obj["data"] == {
        "version": "v1.37.2",
        "has": "true",
        "lacks": "false",
        "upgrade": "true",
        "where": "shop",
    }
    assert render(folder).bodies()[0]["data"]["upgrade"] == "false"


def test_crds_hooks_and_sources_are_told_apart(folder: Path) -> None:
    (folder / "crds").mkdir()
    crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    (folder / "crds" / "order.yaml").write_text(
        f"{crd}metadata:\n  name: a.x\n---\n{crd}metadata:\n  name: b.x\n"
    )
    hook = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: h\n  annotations:\n"
    hook += "    helm.sh/hook: post-install,test\n"
    (folder / "templates" / "all.yaml").write_text(config_map("a") + "---\n" + hook)
    found = [
        (o.body["metadata"]["name"], o.crd, o.hook is not None) for o in render(folder).objects
    ]
    assert found == [("a.x", True, False), ("b.x", True, False), ("a", False, False),
                     ("h", False, True)]  # fmt: skip
    assert render(folder).objects[2].source_template == "c/templates/all.yaml"


def test_random_fields_are_found_by_rendering_twice(folder: Path) -> None:
    template = config_map("a", fixed="x", random="{{ randAlphaNum 20 }}")
    (folder / "templates" / "a.yaml").write_text(template)
    found = generated.differing(render(folder).bodies(), render(folder).bodies())
    assert [path for _, path in found] == ["/data/random"]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("a: {{ .Values.x.y }}\n", r"c/templates/a\.yaml, line 1: .*nil pointer"),
        ("a:\n b: {{ nofunction }}\n", r"c/templates/a\.yaml, line 2: .*nofunction"),
        ('a: {{ fail "a host is needed" }}\n', r"a\.yaml, line 1: .*a host is needed"),
        ('a: 1\nb: {{ required "host!" .Values.host }}\n', r"a\.yaml, line 2: host!"),
        ("a: 1\n b: 2\n", r"c/templates/a\.yaml, line \d: "),
        ("kind: X\n", "no apiVersion"),
    ],
)
def test_an_unusable_template_is_named_with_chart_file_and_line(
    folder: Path, template: str, said: str
) -> None:
    (folder / "templates" / "a.yaml").write_text(template)
    with pytest.raises(ChartError, match=said) as caught:
        render(folder)
    assert caught.value.message.startswith("chart c-1.0.0.tgz")


def test_values_against_the_schema_are_named(folder: Path) -> None:
    schema = {"type": "object", "properties": {"replicas": {"type": "integer"}}}
    (folder / "values.schema.json").write_text(json.dumps(schema))
    (folder / "templates" / "a.yaml").write_text(config_map("a"))
    with pytest.raises(ChartError, match=r"replicas.*got string, want integer") as caught:
        render(folder, "replicas: many\n")
    assert "many" not in caught.value.message
    assert render(folder, "replicas: many\n", validate=False).bodies()


def test_a_values_file_that_is_no_yaml_is_named_with_its_line(folder: Path) -> None:
    with pytest.raises(ChartError, match=r"the values of c-1\.0\.0\.tgz.*line 3"):
        render(folder, "a: 1\nb: [\n")


def test_a_package_of_ours_is_one_for_helm_with_subcharts(folder: Path) -> None:
    sub = folder / "charts" / "sub"
    (sub / "templates").mkdir(parents=True)
    (sub / "Chart.yaml").write_text("apiVersion: v2\nname: sub\nversion: 0.1.0\n")
    (sub / "templates" / "s.yaml").write_text(config_map("from-sub", a="{{ .Values.x }}"))
    (obj,) = render(folder, "sub: {x: given}\n").bodies()
    assert obj["data"] == {"a": "given"}
