"""Plans from a delta: its release is read where it is complete, which is in the registry."""

from __future__ import annotations

from airferry_archive.release import Release
from airferry_foundation.errors import RegistryMissingError
from airferry_installer import holdings, local_registry
from airferry_installer.carrier import Carrier
from airferry_installer.release_content import ReleaseContent
from airferry_installer.state import StateFolder


def completed(
    state: StateFolder, carrier: Carrier, release: Release, environment: str
) -> ReleaseContent:
    """The blobs of an admitted release, for an environment.

    What carries all of it needs no other. For a delta RegistryMissingError unless the environment's
    registry has everything that the release needs: nothing is planned before the set is complete.
    """
    registry = state.site().registry_of(environment)
    places = local_registry.repositories(release, registry)
    content = ReleaseContent(
        carrier, release, lambda: local_registry.connect(registry, state.site_folder), places
    )
    if not all(carrier.carries(blob.digest) for blob in release.blobs):
        _expect_complete(content, release)
    return content


def _expect_complete(content: ReleaseContent, release: Release) -> None:
    blobs = holdings.pushed(release)
    wanted = sum(len(blob.repositories) for blob in blobs)
    there = len(holdings.survey(content.client, blobs, content.places))
    if there < wanted:
        raise RegistryMissingError(
            f"the registry {content.client.settings.origin} holds {there} of the {wanted} blobs "
            f"that {release.product} {release.version} needs, and {content.reader.path.name} is "
            "a delta",
            "Run `airferry-installer load` first.",
        )
