"""One registry: manifests, blobs, tags and uploads. Safe to use from several threads.

Repositories are named without the settings' prefix, which is put in front here. Manifests and small
blobs are verified before they are returned; streams are verified by `pull` and `push`.
Source: OCI distribution-spec 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import msgspec

from airferry_foundation.digests import digest as digest_bytes
from airferry_foundation.digests import is_digest
from airferry_foundation.errors import (
    RegistryError,
    RegistryMismatchError,
    RegistryUnreachableError,
)
from airferry_foundation.http import Body as ResponseBody
from airferry_foundation.http import Response, TransportError
from airferry_registry import answers, credentials, manifests
from airferry_registry.credentials import Credentials
from airferry_registry.manifests import OCI_INDEX, Descriptor, StoredManifest
from airferry_registry.session import Body, Call, Session
from airferry_registry.settings import RegistrySettings
from airferry_registry.streams import BUFFER, Readable

SMALL = 4 << 20
_PAGE = 1000
_PAGES = 1000
_MOST = 100_000
"""Of tags or referrers that are read, on all pages together."""
_NO_REFERRERS = frozenset({400, 404, 405, 501})
"""What registries answer that were made before the referrers API."""
_LENGTH = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")
_NEXT = re.compile(r'<([^<>]{1,4000})>\s{0,9};\s{0,9}rel="?next"?')


class _Tags(msgspec.Struct, frozen=True):
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RepositoryBlobs:
    """One repository as a source of blobs, like a layout on disk."""

    client: RegistryClient
    repository: str

    def open(self, digest: str, offset: int = 0) -> AbstractContextManager[Readable]:
        """Open a blob at `offset`."""
        return self.client.open_blob(self.repository, digest, offset)


class RegistryClient:
    """What a registry can be asked. Errors: RegistryError's classes, each naming the registry."""

    def __init__(self, settings: RegistrySettings, logins: Credentials = credentials.NONE) -> None:
        self.settings = settings
        self._session = Session(settings, logins.for_host(settings.address))

    @property
    def session(self) -> Session:
        """What sends its requests: for calls that it has no method for."""
        return self._session

    def __repr__(self) -> str:
        """Its address, for logs and tests."""
        return f"RegistryClient({self.settings.origin})"

    def ping(self) -> None:
        """Whether it is a registry that lets us in; raises what is wrong."""
        call = Call("GET", f"{self.settings.origin}/v2/", "whether it lets us in")
        self._session.fetch(call, SMALL)

    def blobs(self, repository: str) -> RepositoryBlobs:
        """A repository as a BlobSource."""
        return RepositoryBlobs(self, repository)

    # --- manifests --------------------------------------------------------------------------------

    def manifest(self, repository: str, reference: str) -> StoredManifest:
        """A manifest or index by tag or digest; its bytes fit the digest that is returned."""
        call = self._call(
            "GET", repository, f"manifests/{reference}", headers={"Accept": manifests.ACCEPT}
        )
        response, data = self._session.fetch(call, manifests.MAX_BYTES)
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        claimed = response.headers.get("Docker-Content-Digest", "")
        found = digest_bytes(data)
        wanted = reference if is_digest(reference) else claimed or found
        if found != wanted:
            raise self._lie(call.what, wanted, found)
        return StoredManifest(data, media_type, found)

    def has_manifest(self, repository: str, reference: str) -> str | None:
        """The digest that a tag or digest stands for, None if it is not there."""
        call = self._call(
            "HEAD", repository, f"manifests/{reference}", headers={"Accept": manifests.ACCEPT}
        )
        response = self._present(call)
        if response is None:
            return None
        claimed = response.headers.get("Docker-Content-Digest", "")
        if is_digest(claimed):
            return claimed
        return self.manifest(repository, reference).digest

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> str:
        """Store a manifest byte for byte under a tag or its digest; returns its digest."""
        call = self._call(
            "PUT",
            repository,
            f"manifests/{reference}",
            headers={"Content-Type": media_type},
            body=data,
        )
        response = self._session.expect(call, 201, 202)
        stored = response.headers.get("Docker-Content-Digest", "")
        self._session.read(call, response, SMALL)
        found = digest_bytes(data)
        if stored not in {"", found}:
            raise self._lie(call.what, found, stored)
        return found

    def referrers(self, repository: str, digest: str) -> tuple[Descriptor, ...] | None:
        """What the registry lists as referring to a digest; None if it has no referrers API."""
        found: list[Descriptor] = []
        call = self._call("GET", repository, f"referrers/{digest}", headers={"Accept": OCI_INDEX})
        for _ in range(_PAGES):
            response = self._session.send(call)
            if response.status in _NO_REFERRERS:
                self._session.read(call, response, SMALL)
                return None
            if response.status != 200:
                raise self._session.refusal(call, response)
            link = _NEXT.search(response.headers.get("Link", ""))
            page = manifests.parse(
                self._session.read(call, response, manifests.MAX_BYTES), OCI_INDEX, name=call.what
            )
            found += [child.descriptor for child in getattr(page, "children", ())]
            self._expect_few(call, len(found))
            if not link:
                break
            url = self._session.resolve(call.url, link[1])
            call = Call("GET", url, call.what, call.scopes, call.headers)
        return tuple(found)

    def tags(self, repository: str) -> tuple[str, ...]:
        """All tags of a repository, sorted; empty if it is not there."""
        found: set[str] = set()
        call = self._call("GET", repository, f"tags/list?n={_PAGE}")
        for _ in range(_PAGES):
            response = self._session.send(call)
            if response.status == 404:
                self._session.read(call, response, SMALL)
                break
            if response.status != 200:
                raise self._session.refusal(call, response)
            link = _NEXT.search(response.headers.get("Link", ""))
            found.update(self._tag_page(call, response))
            self._expect_few(call, len(found))
            if not link:
                break
            url = self._session.resolve(call.url, link[1])
            call = Call("GET", url, call.what, call.scopes)
        return tuple(sorted(found))

    def _expect_few(self, call: Call, count: int) -> None:
        if count > _MOST:
            raise RegistryError(
                f"registry {self.settings.origin}: {call.what}: it lists more than {_MOST:,}"
            )

    def _tag_page(self, call: Call, response: Response) -> tuple[str, ...]:
        data = self._session.read(call, response, SMALL)
        try:
            return msgspec.json.decode(data, type=_Tags).tags or ()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RegistryError(f"registry {self.settings.origin}: {call.what}: {error}") from None

    # --- blobs ------------------------------------------------------------------------------------

    def blob_size(self, repository: str, digest: str) -> int | None:
        """A blob's size in bytes, None if the repository does not hold it."""
        call = self._call("HEAD", repository, f"blobs/{digest}")
        response = self._present(call)
        if response is None:
            return None
        length = response.headers.get("Content-Length", "")
        if not _LENGTH.fullmatch(length):
            raise RegistryError(
                f"registry {self.settings.origin}: {call.what}: it does not say the size"
            )
        return int(length)

    def small_blob(self, repository: str, digest: str, cap: int = SMALL) -> bytes:
        """A blob of at most `cap` bytes, verified."""
        call = self._call("GET", repository, f"blobs/{digest}")
        _, data = self._session.fetch(call, cap)
        if digest_bytes(data) != digest:
            raise self._lie(call.what, digest, digest_bytes(data))
        return data

    @contextmanager
    def open_blob(self, repository: str, digest: str, offset: int = 0) -> Iterator[Readable]:
        """A blob's bytes from `offset` on, unverified: `pull` verifies.

        A registry that can't start there is read from the beginning, and the front dropped.
        """
        wanted = {"Range": f"bytes={offset}-"} if offset else {}
        call = self._call("GET", repository, f"blobs/{digest}", headers=wanted)
        response = self._session.expect(call, 200, 206)
        reader = _BlobReader(response, self.settings.origin)
        try:
            if offset and not _starts_at(response, offset):
                reader.skip(offset)
            yield reader
        finally:
            reader.end()

    # --- uploads ----------------------------------------------------------------------------------

    def mount(self, repository: str, digest: str, source_repository: str) -> bool:
        """Let `repository` have a blob of another one; False if the registry won't."""
        source = self.settings.repository(source_repository)
        query = urlencode({"mount": digest, "from": source})
        call = self._call(
            "POST", repository, f"blobs/uploads/?{query}", more=(f"repository:{source}:pull",)
        )
        response = self._session.expect(call, 201, 202)
        status, location = response.status, response.headers.get("Location", "")
        self._session.read(call, response, SMALL)
        if status == 202 and location:
            self.cancel_upload(repository, self._session.resolve(call.url, location))
        return status == 201

    def start_upload(self, repository: str) -> str:
        """Begin an upload; the URL to send its bytes to."""
        call = self._call("POST", repository, "blobs/uploads/")
        response = self._session.expect(call, 202)
        return self._location(call, response)

    def send_chunk(self, repository: str, url: str, *, start: int, length: int, body: Body) -> str:
        """Send the bytes from `start` on; the URL for the next ones.

        RegistryUnreachableError where the registry is at another byte by now: it may still have
        been at the rest of a request that was cut when it was asked (distribution-spec: 416).
        """
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(length),
            "Content-Range": f"{start}-{start + length - 1}",
        }
        call = self._upload(repository, "PATCH", url, headers, body)
        response = self._session.expect(call, 202, 204, 416)
        if response.status != 416:
            return self._location(call, response)
        self._session.read(call, response, SMALL)
        raise RegistryUnreachableError(
            f"registry {self.settings.origin}: {call.what}: it is not at byte {start:,} (416)",
            "Give the same command again; it goes on where it was.",
        )

    def upload_state(self, repository: str, url: str) -> tuple[str, int] | None:
        """Where an upload goes on: the URL for the next bytes, and how many there are.

        None where the registry does not know it (any 4xx), or says what can't be understood. One
        byte looks like none at all: `Range: 0-0` stands for both.
        """
        call = self._upload(repository, "GET", url, {}, None)
        response = self._session.send(call)
        status, said = response.status, response.headers.get("Range", "")
        location = response.headers.get("Location", "")
        self._session.read(call, response, SMALL)
        found = _RANGE.fullmatch(said)
        if status != 204 or found is None:
            return None
        last = int(found[1])
        return self._session.resolve(url, location) if location else url, last + 1 if last else 0

    def finish_upload(
        self, repository: str, url: str, digest: str, *, length: int = 0, body: Body = None
    ) -> None:
        """Commit an upload under `digest`, with its last (or only) `length` bytes."""
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(length),
        }
        full = f"{url}{'&' if '?' in url else '?'}{urlencode({'digest': digest})}"
        call = self._upload(repository, "PUT", full, headers, body)
        response = self._session.expect(call, 201, 202, 204)
        stored = response.headers.get("Docker-Content-Digest", "")
        self._session.read(call, response, SMALL)
        if stored not in {"", digest}:
            raise self._lie(call.what, digest, stored)

    def cancel_upload(self, repository: str, url: str) -> None:
        """Let the registry forget an upload; one that it does not know is fine."""
        call = replace(self._upload(repository, "DELETE", url, {}, None), patient=False)
        self._session.read(call, self._session.send(call), SMALL)

    # --- the rest ---------------------------------------------------------------------------------

    def _call(
        self,
        method: str,
        repository: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        more: tuple[str, ...] = (),
    ) -> Call:
        name = self.settings.repository(repository)
        what = f"{_VERBS[method]} {name}/{path.partition('?')[0].rstrip('/')}"
        url = f"{self.settings.origin}/v2/{name}/{path}"
        scopes = (_scope(name, method), *more)
        return Call(method, url, what, scopes, headers or {}, body)

    def _upload(
        self, repository: str, method: str, url: str, headers: Mapping[str, str], body: Body
    ) -> Call:
        name = self.settings.repository(repository)
        return Call(method, url, f"upload to {name}", (_scope(name, method),), headers, body)

    def _location(self, call: Call, response: Response) -> str:
        location = response.headers.get("Location", "")
        self._session.read(call, response, SMALL)
        if not location:
            raise RegistryError(
                f"registry {self.settings.origin}: {call.what}: it does not say where to go on"
            )
        return self._session.resolve(call.url, location)

    def _present(self, call: Call) -> Response | None:
        """The answer to a HEAD, None for 404; its connection is free again."""
        response = self._session.send(call)
        if response.status not in {200, 404}:
            raise self._session.refusal(call, response)
        self._session.read(call, response, SMALL)
        return response if response.status == 200 else None

    def _lie(self, what: str, wanted: str, found: str) -> RegistryMismatchError:
        return RegistryMismatchError(
            f"registry {self.settings.origin}: {what}: expected digest {wanted}, found {found}",
            "Nothing of it was used. Its storage is damaged, or it is not the registry you think.",
        )


_VERBS = {"GET": "read", "HEAD": "look for", "PUT": "store", "POST": "upload to"}


def _scope(repository: str, method: str) -> str:
    reading = method in {"GET", "HEAD"}
    return f"repository:{repository}:{'pull' if reading else 'pull,push'}"


def _starts_at(response: Response, offset: int) -> bool:
    if response.status != 206:
        return False
    said = response.headers.get("Content-Range", "")
    if not said.startswith(f"bytes {offset}-"):
        raise RegistryError(f"asked for bytes from {offset} on, the registry sends {said[:80]!r}")
    return True


class _BlobReader:
    """A response as a Readable; a cut becomes RegistryUnreachableError."""

    def __init__(self, response: Response, origin: str) -> None:
        self._response = response
        self._body = ResponseBody(response)
        self._origin = origin
        self._ended = False

    def readinto(self, buffer: memoryview, /) -> int:
        try:
            count = self._body.readinto(buffer)
        except TransportError as error:
            raise answers.unreachable(error, self._origin) from error
        self._ended = not count
        return count

    def skip(self, count: int) -> None:
        buffer = memoryview(bytearray(min(count, BUFFER)))
        while count:
            read = self.readinto(buffer[: min(count, len(buffer))])
            if not read:
                return
            count -= read

    def end(self) -> None:
        """Give the connection back if all was read, else close it."""
        if self._ended:
            self._response.release_conn()
        else:
            self._response.close()
