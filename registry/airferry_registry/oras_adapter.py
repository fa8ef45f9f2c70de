"""oras-py for artifacts, behind one adapter: its protocol, our requests.

oras-py holds whole blobs in memory, checks no digest, writes manifests anew, sends credentials to
whatever realm a challenge names, and tries a wrong host for minutes. Here every request it makes
goes through our own session (logins to their host and no other, few tries, short waits), blobs are
streamed and hashed both ways, and manifests are the bytes that they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from oras.container import Container
from oras.provider import Registry

from airferry_foundation.digests import digest as digest_bytes
from airferry_foundation.digests import is_digest
from airferry_foundation.errors import RegistryError, RegistryMismatchError
from airferry_foundation.http import Response
from airferry_registry import manifests
from airferry_registry.client import SMALL, RegistryClient
from airferry_registry.flow import Flow
from airferry_registry.manifests import Descriptor, StoredManifest
from airferry_registry.push import push_blob
from airferry_registry.session import Call

_REPOSITORY = re.compile(r"/v2/(.+)/(?:blobs|manifests|tags)/")


class OrasRepository:
    """One repository through oras-py. Errors are RegistryError's classes, as the client's."""

    def __init__(self, client: RegistryClient, repository: str) -> None:
        self.client = client
        self.repository = repository
        self._oras = _Provider(client)

    def exists(self, blob: Descriptor) -> bool:
        """Whether the repository holds a blob."""
        return bool(self._oras.blob_exists({"digest": blob.digest}, self._container()))

    def upload(self, blob: Descriptor, chunks: Iterable[memoryview | bytes]) -> bool:
        """Upload a blob that is not there yet, hashed on the way; whether it was sent."""
        if self.exists(blob):
            return False
        push_blob(self.client, self.repository, blob.digest, blob.size, chunks)
        return True

    def upload_manifest(self, reference: str, data: bytes, media_type: str) -> str:
        """Store a manifest, byte for byte, under a tag or its digest; returns its digest."""
        url = self._url(self._container(reference).manifest_url())
        answer = self._oras.do_request(url, "PUT", data=data, headers={"Content-Type": media_type})
        found = digest_bytes(data)
        stored = answer.expect(201, 202).headers.get("Docker-Content-Digest", found)
        if stored != found:
            raise self._lie(f"store {self.repository}:{reference}", found, stored)
        return found

    def manifest(self, reference: str) -> StoredManifest:
        """A manifest by tag or digest; its bytes fit the digest that is returned."""
        url = self._url(self._container(reference).manifest_url())
        answer = self._oras.do_request(url, headers={"Accept": manifests.ACCEPT}).expect(200)
        found = digest_bytes(answer.content)
        claimed = answer.headers.get("Docker-Content-Digest", found)
        wanted = reference if is_digest(reference) else claimed
        if found != wanted:
            raise self._lie(f"read {self.repository}:{reference}", wanted, found)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        return StoredManifest(answer.content, kind, found)

    def download(self, blob: Descriptor) -> Flow:
        """A blob in chunks; RegistryMismatchError before the last one if it is another."""
        return Flow(self.client, self.repository, blob.digest, blob.size)

    def read(self, blob: Descriptor, cap: int) -> bytes:
        """A whole blob of at most `cap` bytes, verified."""
        if blob.size > cap:
            raise RegistryError(
                f"registry {self.client.settings.origin}: blob {blob.digest} of "
                f"{self.repository} has {blob.size:,} bytes; {cap:,} are allowed here"
            )
        return b"".join(bytes(chunk) for chunk in self.download(blob))

    def _container(self, reference: str = "latest") -> Container:
        """oras-py's reference, filled in by us: its parser takes hosts without a dot for paths."""
        name = self.client.settings.repository(self.repository)
        made = Container("namespace/name", registry=urlsplit(self.client.settings.origin).netloc)
        made.namespace, _, made.repository = name.rpartition("/")
        made.tag, made.digest = (None, reference) if is_digest(reference) else (reference, None)
        return made

    def _url(self, place: str) -> str:
        return f"{self._oras.prefix}://{place}"

    def _lie(self, what: str, wanted: str, found: str) -> RegistryMismatchError:
        return RegistryMismatchError(
            f"registry {self.client.settings.origin}: {what}: expected digest {wanted}, "
            f"found {found}",
            "Nothing of it was used. Its storage is damaged, or it is not the registry you think.",
        )


class _Provider(Registry):  # type: ignore[misc] # oras-py has no types
    """oras-py's registry, with our session in place of its own requests, login and retries."""

    def __init__(self, client: RegistryClient) -> None:
        origin = urlsplit(client.settings.origin)
        super().__init__(hostname=origin.netloc, insecure=origin.scheme == "http")
        self.session.close()
        self._client = client

    def do_request(
        self,
        url: str,
        method: str = "GET",
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        stream: bool = False,  # noqa: ARG002 - what is streamed goes through `Flow`
    ) -> _Answer:
        """What everything else of oras-py asks with."""
        body = msgspec.json.encode(json) if json is not None else data
        name = _REPOSITORY.search(urlsplit(url).path)
        right = "pull" if method in {"GET", "HEAD"} else "pull,push"
        scopes = (f"repository:{name[1]}:{right}",) if name else ()
        what = f"{method} {urlsplit(url).path}"
        call = Call(method, url, what, scopes, dict(headers or {}), body)
        response = self._client.session.send(call)
        return _Answer(self._client, call, response)


class _Answer:
    """Our response, with what oras-py expects of one of `requests`."""

    def __init__(self, client: RegistryClient, call: Call, response: Response) -> None:
        self._client = client
        self._call = call
        self._response = response
        self.status_code = response.status
        self.headers = response.headers
        self.reason = response.reason
        self.request = call
        self.content = b""
        if response.status not in _GOOD and (call.method, response.status) != ("HEAD", 404):
            raise client.session.refusal(call, response)
        self.content = client.session.read(call, response, SMALL)

    def expect(self, *statuses: int) -> _Answer:
        """Itself; RegistryError for another status."""
        if self.status_code in statuses:
            return self
        raise RegistryError(
            f"registry {self._client.settings.origin}: {self._call.what}: "
            f"unexpected answer {self.status_code}"
        )

    def json(self) -> Any:
        """The body, parsed."""
        try:
            return msgspec.json.decode(self.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RegistryError(
                f"registry {self._client.settings.origin}: {self._call.what}: {error}"
            ) from None


_GOOD = frozenset({200, 201, 202, 204})
