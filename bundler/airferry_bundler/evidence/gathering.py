"""All evidence that a spec asks for, in the order in which one needs the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from airferry_bundler.content import LocalContent
from airferry_bundler.evidence import image_sboms, provenance, release_sbom
from airferry_bundler.evidence.image_sboms import Found
from airferry_bundler.lock import Lock
from airferry_bundler.spec import Spec
from airferry_bundler.upstream import Verified
from airferry_foundation import VERSION
from airferry_foundation.progress import Progress


def gather(
    spec: Spec,
    content: LocalContent,
    images: Iterable[Found],
    draft: Callable[[LocalContent], Lock],
    *,
    verified: tuple[Verified, ...],
    progress: Progress,
) -> LocalContent:
    """The content with its evidence; `draft` makes the lock that a content would give."""
    if spec.evidence.sbom:
        listed = image_sboms.make(images, progress)
        own = release_sbom.make(draft(content).release, listed)
        content = replace(content, evidence=(*listed, *own))
    if spec.evidence.provenance:
        made = provenance.make(draft(content), verified, VERSION)
        content = replace(content, evidence=(*content.evidence, made))
    return content
