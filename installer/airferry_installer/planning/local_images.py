"""Images as the site's nodes pull them: pinned, from the local registry; and pull Secrets."""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from airferry_archive.release import Release
from airferry_foundation import files
from airferry_foundation.errors import ImageReferenceError
from airferry_installer.local_registry import local_image
from airferry_installer.site import PullSecret, Registry
from airferry_rendering import images
from airferry_rendering.objects import Object, key_of

PULL_SECRET = "airferry-pull"  # noqa: S105 - the name of a Secret
MAX_LOGIN = 1 << 20


def mapping(release: Release, registry: Registry) -> dict[str, str]:
    """Full original names to `pull address/repository@digest`."""
    return {images.normal(image.name): local_image(registry, image) for image in release.images}


def pinned(objects: Iterable[Object], local: Mapping[str, str]) -> list[Object]:
    """The objects with local images; ImageReferenceError lists every foreign one."""
    listed = list(objects)
    foreign = [
        f"{key_of(obj)}, {pointer}: {reference}"
        for obj in listed
        for pointer, reference in images.foreign(obj, local)
    ]
    if foreign:
        lines = "\n".join(f"  {line}" for line in foreign)
        raise ImageReferenceError(
            f"images that the release does not hold:\n{lines}",
            "Set the value back that names them, or ask the vendor to add them to the release.",
        )
    return [images.rewrite(obj, local) for obj in listed]


def with_pull_secret(obj: Object, registry: Registry) -> Object:
    """A copy whose pods pull with the site's pull Secret, where it names one."""
    if not isinstance(registry.pull_auth, PullSecret):
        return obj
    name = registry.pull_auth.secret or PULL_SECRET
    changed = copy.deepcopy(obj)
    for _, spec in images.pod_specs(changed):
        present = spec.get("imagePullSecrets") or []
        if {"name": name} not in present:
            spec["imagePullSecrets"] = [*present, {"name": name}]
    return changed


def pull_secrets(
    objects: Iterable[Object], registry: Registry, site_folder: Path
) -> Iterator[Object]:
    """A pull Secret for each namespace that has pods, where the site wants them created."""
    auth = registry.pull_auth
    if not isinstance(auth, PullSecret) or auth.create is None:
        return
    path = site_folder / Path(auth.create["from"]).expanduser()
    login = base64.b64encode(files.read_capped(path, MAX_LOGIN)).decode()
    spaces = {obj["metadata"].get("namespace") for obj in objects if any(images.pod_specs(obj))}
    for namespace in sorted(filter(None, spaces)):
        yield {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": PULL_SECRET, "namespace": namespace},
            "data": {".dockerconfigjson": login},
        }
