"""airferry.yaml: what is read, and that every mistake is told at once with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from airferry_bundler import spec, spec_file
from airferry_foundation.errors import HandwrittenError, MissingInputError

MINIMAL = """\
product: shop
version: 1.4.0
counter: 14
audience: {customers: [acme], environments: any}
platforms: [linux/amd64]
"""


def write(folder: Path, more: str = "", *, head: str = MINIMAL) -> Path:
    path = folder / "airferry.yaml"
    path.write_text(head + more, encoding="utf-8")
    return path


def chart(folder: Path, name: str = "shop") -> None:
    (folder / "charts" / name).mkdir(parents=True)
    text = f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n"
    (folder / "charts" / name / "Chart.yaml").write_text(text, encoding="utf-8")


def mistakes(folder: Path, more: str, *, head: str = MINIMAL) -> list[str]:
    with pytest.raises(HandwrittenError) as caught:
        spec_file.read(write(folder, more, head=head))
    return [line.strip() for line in caught.value.message.splitlines()[1:]]


def test_minimal_spec_has_quiet_defaults(tmp_path: Path) -> None:
    read = spec_file.read(write(tmp_path))
    assert read.spec.product == "shop"
    assert read.spec.epoch == 1
    assert read.spec.security_floor == 0
    assert read.spec.audience.customers == ("acme",)
    assert read.folder == tmp_path


def test_a_folder_stands_for_the_spec_in_it(tmp_path: Path) -> None:
    write(tmp_path)
    assert spec_file.read(tmp_path).path == tmp_path / "airferry.yaml"


def test_no_spec(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="does not exist"):
        spec_file.read(tmp_path / "airferry.yaml")


def test_everything_that_the_format_shows(tmp_path: Path) -> None:
    chart(tmp_path)
    for name in ("values/base.yaml", "values/all.yaml", "docs/upgrade.md", "manifests/a.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a: 1\n", encoding="utf-8")
    written = "schema: airferry.catalogue/v1\nmetrics: []\n"
    (tmp_path / "catalogue.yaml").write_text(written, encoding="utf-8")
    more = """\
epoch: 2
security_floor: 3
upgrade_from: ">=1.0.0 <1.4.0"
required_stops: [1.2.0]
requires: {kubernetes: ">=1.29", storage: 1000, installer: ">=0.1.0"}
images: ["redis:7.2", {ref: "ghcr.io/acme/app@sha256:DIGEST", name: acme/app}]
charts:
  - path: charts/shop
    release_name: shop
    namespace: shop
    values: [values/base.yaml]
    render_with: [values/all.yaml, [values/base.yaml, values/all.yaml]]
  - {ref: "oci://registry.example/charts/cache", version: 2.1.0, release_name: c, namespace: shop}
manifests: [{path: manifests/, namespace: shop}]
files: [docs/upgrade.md]
inputs:
  host_name: {type: string, help: "the name", to: [{chart: shop, path: ingress.host}]}
  admin: {secret: true, generated: true, to: [{chart: cache, path: password}]}
  size: {type: integer, default: 3, to: [{manifest: manifests, kind: ConfigMap, name: a, path: b}]}
generated: [{chart: shop, kind: Secret, name: shop, path: /data/password}]
catalogue: catalogue.yaml
thresholds: values/all.yaml
telemetry: {recipients: {eu: {metrics: RECIPIENT}}}
registries: {"127.0.0.1:5000": {plain_http: true}}
"""
    more = more.replace("DIGEST", "a" * 64).replace("RECIPIENT", "age1" + "q" * 58)
    read = spec_file.read(write(tmp_path, more)).spec
    assert spec.value_set(read.charts[0].render_with[0]) == ("values/all.yaml",)
    assert spec.value_set(read.charts[0].render_with[1]) == ("values/base.yaml", "values/all.yaml")
    assert spec.image_source(read.images[0]).ref == "redis:7.2"
    assert spec.manifests_name(read.manifests[0]) == "manifests"
    assert read.registries["127.0.0.1:5000"].plain_http


def test_three_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    head = MINIMAL.replace("counter: 14", "counter: 0").replace("1.4.0", "1.4")
    found = mistakes(tmp_path, "image: [redis]\n", head=head)
    assert len(found) == 3
    assert found[0].startswith("line 2: version")
    assert found[1] == "line 3: counter: 0 is below 1"
    assert found[2] == "line 6: unknown key 'image'; did you mean 'images'?"


def test_a_key_that_verify_names_must_be_there(tmp_path: Path) -> None:
    found = mistakes(tmp_path, 'verify: [{images: "docker.io/acme/*", key: upstream.pub}]\n')
    assert found == ["line 6: upstream.pub does not exist"]


def test_missing_files_are_named_each(tmp_path: Path) -> None:
    more = """\
charts:
  - {path: charts/none, release_name: a, namespace: a, values: [v.yaml], render_with: [w.yaml]}
manifests: [{path: nothing, namespace: a}]
files: [docs.md]
catalogue: catalogue.yaml
images: ["oci:./layout:1", "docker-archive:old.tar"]
registries: {r.example: {ca: ca.pem}}
"""
    text = "\n".join(mistakes(tmp_path, more))
    names = ("charts/none", "v.yaml", "w.yaml", "nothing", "docs.md", "catalogue.yaml", "ca.pem")
    for name in (*names, "./layout", "old.tar"):
        assert f"{name} does not exist" in text


def test_unknown_chart_in_to_and_generated(tmp_path: Path) -> None:
    chart(tmp_path)
    more = """\
charts: [{path: charts/shop, release_name: shop, namespace: shop}]
inputs: {host: {to: [{chart: shp, path: a}]}}
generated: [{chart: web, kind: Secret, name: s, path: /data/a}]
"""
    assert mistakes(tmp_path, more) == [
        "line 7: no chart is called 'shp'; there are: shop",
        "line 8: no chart is called 'web'; there are: shop",
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{type: integer, default: a, to: [{chart: shop, path: a}]}", "'a' is no integer"),
        ("{type: integer, default: true, to: [{chart: shop, path: a}]}", "True is no integer"),
        ("{secret: true, default: a, to: [{chart: shop, path: a}]}", "can't have a default"),
        ("{generated: true, to: [{chart: shop, path: a}]}", "must be `secret: true`"),
        ("{to: [{path: a}]}", "either a `chart` or a `manifest`"),
        ("{to: [{manifest: other, path: a}]}", "no manifests entry is called 'other'"),
        ("{to: [{manifest: shop, path: a}]}", "needs `kind`, `name` and `path`"),
        ("{to: []}", "at least 1"),
    ],
)
def test_inputs_that_make_no_sense(tmp_path: Path, given: str, told: str) -> None:
    chart(tmp_path)
    more = f"""\
charts: [{{path: charts/shop, release_name: shop, namespace: shop}}]
manifests: [{{path: charts, name: shop, namespace: shop}}]
inputs: {{a: {given}}}
"""
    assert any(told in line for line in mistakes(tmp_path, more))


@pytest.mark.parametrize(
    "title", ["../secret.md", "a b.md", "docs/../x.md", ".hidden.md", "docs//x.md", "ä.md"]
)
def test_unsafe_titles(tmp_path: Path, title: str) -> None:
    found = mistakes(tmp_path, f'files: ["{title}"]\n')
    assert "can't be carried under that name" in found[0]


@pytest.mark.parametrize("path", ["/etc/passwd", "/work/values.yaml"])
def test_absolute_paths_are_refused(tmp_path: Path, path: str) -> None:
    assert f"'{path}' does not fit" in mistakes(tmp_path, f"files: [{path}]\n")[0]


def test_absolute_path_in_an_image(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "images: ['docker-archive:/tmp/a.tar']\n")
    assert "must be relative" in found[0]


def test_a_chart_has_one_source(tmp_path: Path) -> None:
    chart(tmp_path)
    more = """\
charts:
  - {release_name: a, namespace: a}
  - {path: charts/shop, version: 1.0.0, release_name: b, namespace: a}
  - {ref: "oci://r.example/c", release_name: c, namespace: a}
"""
    found = mistakes(tmp_path, more)
    assert "either `path` or `ref`" in found[0]
    assert "`version` goes with `ref`" in found[1]
    assert "needs a `version`" in found[2]


def test_a_folder_without_chart_yaml(tmp_path: Path) -> None:
    (tmp_path / "charts").mkdir()
    found = mistakes(tmp_path, "charts: [{path: charts, release_name: a, namespace: a}]\n")
    assert "has no Chart.yaml" in found[0]


def test_nothing_is_listed_twice(tmp_path: Path) -> None:
    chart(tmp_path)
    more = """\
images: [redis, redis]
charts:
  - {path: charts/shop, release_name: a, namespace: a}
  - {path: charts/shop, release_name: b, namespace: b}
"""
    found = mistakes(tmp_path, more)
    assert found == ["line 6: redis is listed twice", "line 9: shop is listed twice"]


def test_registry_addresses_and_client_certificates(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("", encoding="utf-8")
    more = """\
registries:
  https://r.example/: {}
  r.example: {client_certificate: c.pem}
"""
    found = mistakes(tmp_path, more)
    assert "host and port alone" in found[0]
    assert "go together" in found[1]


def test_a_catalogue_that_is_none_is_told_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "catalogue.yaml").write_text("metrics: none\n", encoding="utf-8")
    found = mistakes(tmp_path, "catalogue: catalogue.yaml\n")
    assert found[0].startswith("line 6: catalogue.yaml has")


def test_a_login_does_not_belong_into_a_spec(tmp_path: Path) -> None:
    more = 'registries: {"robot:hunter2@r.example": {}}\n'
    [found] = mistakes(tmp_path, more)
    assert "docker login" in found
    assert "hunter2" not in found
