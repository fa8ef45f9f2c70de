"""What media types say about a blob's place in the file. Part of the format: a rule here is kept.

Sources: OCI image-spec media-types.md; Docker image manifest v2 schema 2; Helm OCI support.
"""

from __future__ import annotations

import re

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
AIRFERRY_FILE = "application/vnd.airferry.file.v1"

INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})

_CONFIG = re.compile(
    r"application/(.+[.]config[.].+[+]json|vnd[.]docker[.]container[.]image[.]v1[+]json"
    r"|vnd[.]oci[.]empty[.]v1[+]json)"
)
_COMPRESSIBLE = re.compile(
    r".+[.]tar|.+[+](json|xml|yaml|tar)|text/.+|application/(json|xml|yaml|x-tar)"
    rf"|{re.escape(AIRFERRY_FILE)}"
)


def is_manifest(media_type: str) -> bool:
    """Whether a blob is a manifest or an index: something that a registry keeps apart."""
    return media_type in MANIFESTS or media_type in INDEXES


def is_description(media_type: str) -> bool:
    """Whether a blob is a manifest, an index or a configuration: they come first in the file."""
    return is_manifest(media_type) or _CONFIG.fullmatch(media_type) is not None


def is_compressed(media_type: str) -> bool:
    """Whether compressing a blob once more would gain nothing, as far as its type tells.

    A type that is not known counts as compressed: its bytes are then stored as they are.
    """
    return _COMPRESSIBLE.fullmatch(media_type) is None
