"""Images and random fields found by rendering with real helm."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from airferry_bundler.charts import local_chart
from airferry_bundler.content import gather
from airferry_bundler.discover import Discovered, discover, oldest_kubernetes
from airferry_bundler.spec import (
    Audience,
    ChartSource,
    GeneratedField,
    Input,
    ManifestSource,
    Requires,
    Spec,
    SpecFile,
    Target,
)
from airferry_foundation.errors import ChartError

pytestmark = pytest.mark.program("helm")

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"}
        {{- if .Values.cache }}
        - {name: cache, image: "redis:7"}
        {{- end }}
        {{- if .Release.IsUpgrade }}
        - {name: migrate, image: "r.example/migrate:1"}
        {{- end }}
        {{- if semverCompare "<1.30-0" .Capabilities.KubeVersion.Version }}
        - {name: old, image: "r.example/old:1"}
        {{- end }}
"""
HOOK = """\
apiVersion: batch/v1
kind: Job
metadata: {name: hook, annotations: {"helm.sh/hook": pre-upgrade}}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: hook, image: "r.example/hook:1"}]}
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: db}
stringData:
  password: {{ .Values.password | default (randAlphaNum 16) | quote }}
"""
VALUES = """\
image: {repository: r.example/web, tag: "1"}
metrics: {image: {repository: r.example/metrics, tag: "2"}}
cache: false
password: ""
"""


def product(folder: Path, templates: dict[str, str], **spec: object) -> SpecFile:
    chart = folder / "charts" / "shop"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n", "utf-8")
    (chart / "values.yaml").write_text(VALUES, "utf-8")
    for name, text in templates.items():
        (chart / "templates" / name).write_text(text, "utf-8")
    source = ChartSource(path="charts/shop", release_name="shop", namespace="shop")
    made = Spec(
        product="shop", version="1.0.0", counter=1, audience=Audience(),
        platforms=("linux/amd64",), charts=(source,),
    )  # fmt: skip
    return SpecFile(msgspec.structs.replace(made, **spec), folder / "airferry.yaml")


def look(spec_file: SpecFile) -> Discovered:
    content = gather(spec_file)
    charts = [
        local_chart(chart, content.packages[str(chart.path)]) for chart in spec_file.spec.charts
    ]
    return discover(spec_file.spec, charts, content)


def test_images_of_installs_upgrades_hooks_and_old_kubernetes(tmp_path: Path) -> None:
    requires = Requires(kubernetes=">=1.29")
    found = look(product(tmp_path, {"web.yaml": DEPLOYMENT, "hook.yaml": HOOK}, requires=requires))
    assert set(found.found_in) == {
        "r.example/web:1", "r.example/migrate:1", "r.example/hook:1", "r.example/old:1",
    }  # fmt: skip
    assert found.places("r.example/web:1") == (
        "shop: shop/templates/web.yaml Deployment/web /spec/template/spec/containers/0/image",
    )


def test_a_set_of_values_shows_more(tmp_path: Path) -> None:
    spec_file = product(tmp_path, {"web.yaml": DEPLOYMENT})
    assert "docker.io/library/redis:7" not in look(spec_file).found_in
    (tmp_path / "all.yaml").write_text("cache: true\n", "utf-8")
    chart = msgspec.structs.replace(spec_file.spec.charts[0], render_with=("all.yaml",))
    spec = msgspec.structs.replace(spec_file.spec, charts=(chart,))
    assert "docker.io/library/redis:7" in look(SpecFile(spec, spec_file.path)).found_in


def test_values_that_look_like_images_and_were_never_rendered(tmp_path: Path) -> None:
    found = look(product(tmp_path, {"web.yaml": DEPLOYMENT}))
    assert found.unrendered == {"shop: metrics.image = r.example/metrics:2"}


def test_plain_manifests(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a.yaml").write_text(HOOK, "utf-8")
    manifests = (ManifestSource(path="m", namespace="shop"),)
    found = look(product(tmp_path, {}, manifests=manifests, charts=()))
    assert found.places("r.example/hook:1") == (
        "manifests/m: Job/hook /spec/template/spec/containers/0/image",
    )


def test_a_random_field_that_nobody_listed(tmp_path: Path) -> None:
    with pytest.raises(ChartError) as caught:
        look(product(tmp_path, {"secret.yaml": SECRET}))
    assert "chart shop: Secret db, field /data/password" in caught.value.message
    wanted = "{chart: shop, kind: Secret, name: db, path: /data/password}"
    assert wanted in caught.value.hint


@pytest.mark.parametrize("path", ["/data/password", "/data"])
def test_a_random_field_that_is_listed(tmp_path: Path, path: str) -> None:
    field = GeneratedField(chart="shop", kind="Secret", name="db", path=path)
    found = look(product(tmp_path, {"secret.yaml": SECRET}, generated=(field,)))
    assert found.generated == {("shop", "Secret", "db", "/data/password")}
    assert not found.notes


def test_a_random_field_that_is_fed_from_an_input(tmp_path: Path) -> None:
    given = Input(secret=True, generated=True, to=(Target(chart="shop", path="password"),))
    found = look(product(tmp_path, {"secret.yaml": SECRET}, inputs={"password": given}))
    assert not found.generated


def test_a_field_that_is_listed_for_nothing(tmp_path: Path) -> None:
    field = GeneratedField(chart="shop", kind="Secret", name="db", path="/data/other")
    found = look(product(tmp_path, {"web.yaml": DEPLOYMENT}, generated=(field,)))
    assert found.notes == ["listed under generated: but the same twice: shop Secret db /data/other"]


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ('{{ fail "no" }}', "no"),
        ("{{ .Values.a.b.c }}", "nil pointer"),
        ("a: b: c", "shop/templates/a.yaml"),
        (HOOK.replace("r.example/hook:1", "Not An Image"), "Job/hook"),
    ],
)  # fmt: skip
def test_a_chart_that_can_not_be_rendered(tmp_path: Path, template: str, told: str) -> None:
    with pytest.raises(ChartError, match=told):
        look(product(tmp_path, {"a.yaml": template}))


@pytest.mark.parametrize(
    ("said", "oldest"), [(">=1.29", "1.29.0"), (">=1.29.4 <1.35", "1.29.4"), (None, "1.37.0")]
)
def test_oldest_kubernetes(said: str | None, oldest: str) -> None:
    spec = Spec(
        product="shop", version="1.0.0", counter=1, audience=Audience(),
        platforms=("linux/amd64",), requires=Requires(kubernetes=said),
    )  # fmt: skip
    assert oldest_kubernetes(spec) == oldest
