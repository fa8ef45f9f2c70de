"""The first airferry.yaml of a product: commented, and made of what already lies in the folder."""

from __future__ import annotations

import re
from pathlib import Path

from airferry_bundler.spec import FILE_NAME
from airferry_foundation import files

_HEAD = """\
# What a release of this product holds. Next: airferry-bundler lock
product: {product}
version: 0.1.0
counter: 1                  # rises by one with each release, whatever the version says
audience: {{customers: any, environments: any}}   # or customers: [acme]; nobody else can install it
platforms: [linux/amd64]

# Images that charts and manifests use are found by themselves. List what they can't show, and
# images that lie beside this file instead of in a registry.
images: []
#  - docker.io/library/redis:7.2
#  - {{ref: "oci:./layouts/app:1.4.0", name: registry.example/acme/app:1.4.0}}
#  - {{ref: "docker-archive:./legacy.tar"}}

"""

_CHARTS = """\
#  - path: charts/{product}
#    release_name: {product}
#    namespace: {product}
#    values: [values/base.yaml]                    # travel with the release
#    render_with: [values/all-features.yaml]       # more sets, rendered to find images
#  - {{ref: "oci://registry.example/charts/cache", version: 2.1.0, release_name: cache,
#     namespace: {product}}}

"""

_TAIL = """\
#files: [docs/upgrade.md]

# What a site may set, and where it goes.
inputs: {{}}
#  host: {{type: string, help: "name of the site", to: [{{chart: {product}, path: ingress.host}}]}}
#  admin_password: {{secret: true, generated: true, to: [{{chart: {product}, path: password}}]}}

# Fields that a chart fills at random; `lock` names those that are missing here.
generated: []
#  - {{chart: {product}, kind: Secret, name: {product}, path: /data/password}}

#requires: {{kubernetes: ">=1.29"}}
#upgrade_from: ">=0.1.0"
#registries: {{"127.0.0.1:5000": {{plain_http: true}}, registry.example: {{ca: ca.pem}}}}
"""


def starter(folder: Path) -> str:
    """The text of a first airferry.yaml for `folder`; it locks as it is."""
    product = _name_of(folder.resolve().name)
    charts = sorted(path.parent for path in folder.glob("charts/*/Chart.yaml"))
    text = _HEAD.format(product=product)
    text += "charts:\n" if charts else "charts: []\n"
    for chart in charts:
        name = _name_of(chart.name)
        path = chart.relative_to(folder).as_posix()
        text += f"  - {{path: {path}, release_name: {name}, namespace: {product}}}\n"
    text += _CHARTS.format(product=product)
    if (folder / "manifests").is_dir():
        text += f"manifests: [{{path: manifests, namespace: {product}}}]\n"
    else:
        text += f"#manifests: [{{path: manifests, namespace: {product}}}]\n"
    return text + _TAIL.format(product=product)


def write(folder: Path) -> Path:
    """Write airferry.yaml into `folder` (made if missing); an existing one is refused."""
    files.make_folder(folder)
    path = folder / FILE_NAME
    files.write_new(path, starter(folder).encode())
    return path


def _name_of(text: str) -> str:
    """`text` bent to the grammar of a namespace, which is that of a product without dots."""
    bent = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")
    return bent or "product"
