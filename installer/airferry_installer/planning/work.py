"""What is rendered: a release for an environment, and one object on its way through rendering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from airferry_archive.release import Release
from airferry_installer.site import Environment, Registry, Site
from airferry_rendering.charts import Operation
from airferry_rendering.hooks import Hook
from airferry_rendering.objects import Object

Blob = Callable[[str, int], bytes]
"""(digest, cap) to a blob's verified bytes."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is rendered, for whom, for which operation."""

    release: Release
    release_digest: str
    blob: Blob
    site: Site
    site_folder: Path
    environment_name: str
    operation: Operation

    @property
    def environment(self) -> Environment:
        """The environment."""
        return self.site.environment(self.environment_name)

    @property
    def registry(self) -> Registry:
        """The environment's registry."""
        return self.site.registry_of(self.environment_name)


@dataclass(frozen=True, slots=True)
class Item:
    """One object on its way: `number` and `source` tell which chart or manifests entry made it."""

    body: Object
    number: int
    source: str
    hook: Hook | None = None
    generated: tuple[str, ...] = ()
