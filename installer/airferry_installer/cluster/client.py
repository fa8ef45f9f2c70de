"""A client of the cluster's API over `kubectl proxy` on a unix socket.

kubectl keeps every login plugin that the customer uses; urllib3 gets JSON. The socket lies in a
folder of mode 0700, and the proxy ends with this process, however that ends. The client may be used
from several threads at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec

from airferry_foundation import clock, files, http, process, programs
from airferry_foundation.errors import (
    ClusterDeniedError,
    ClusterError,
    ClusterUnreachableError,
    ProgramFailedError,
    ProgramTimeoutError,
)
from airferry_installer.cluster.answers import (
    FieldConflictError,
    ImmutableFieldError,
    refusal,
    unreachable,
)
from airferry_installer.cluster.discovery import ACCEPT, Discovery, Resource
from airferry_installer.planning.plan import ObjectRef
from airferry_installer.site import Kubernetes
from airferry_rendering.objects import Object

__all__ = ["ClusterClient", "FieldConflictError", "ImmutableFieldError", "Resource", "connect"]

MANAGER = "airferry"
CONNECTIONS = 8
START_SECONDS = 30.0

Objects = list[Object]

_APPLY = "application/apply-patch+yaml"
_JSON = "application/json"
_PAGE = 500
_TRIES = 4
_PASSING = {429, 500, 502, 503, 504}
"""Answers that may be other ones a moment later."""


@contextmanager
def connect(kubernetes: Kubernetes, site_folder: Path) -> Iterator[ClusterClient]:
    """A client for the body's length.

    ClusterUnreachable: no such context, no answer. ClusterDenied: credentials refused.
    """
    kubectl = programs.find("kubectl")
    with files.scratch_folder("airferry-kubectl-") as folder:
        socket, log = folder / "api.sock", folder / "kubectl.log"
        command: list[str | Path] = [
            kubectl,
            "proxy",
            f"--unix-socket={socket}",
            *flags(kubernetes, site_folder),
        ]
        with process.service(command, log=log, inherit=True) as child:
            try:
                process.await_path(socket, child, timeout=START_SECONDS, log=log)
            except (ProgramFailedError, ProgramTimeoutError) as error:
                raise unreachable(error.message) from error
            client = ClusterClient(http.unix_pool(socket, connections=CONNECTIONS))
            try:
                client.version()
                yield client
            finally:
                client.close()


def flags(kubernetes: Kubernetes, site_folder: Path) -> list[str]:
    """The words by which kubectl knows a cluster; a relative kubeconfig lies beside site.yaml."""
    chosen: list[str] = []
    if path := kubeconfig(kubernetes, site_folder):
        chosen.append(f"--kubeconfig={path}")
    if kubernetes.context:
        chosen.append(f"--context={kubernetes.context}")
    return chosen


def kubeconfig(kubernetes: Kubernetes, site_folder: Path) -> Path | None:
    """The kubeconfig that site.yaml names, None for the person's own."""
    if kubernetes.kubeconfig is None:
        return None
    return site_folder / Path(kubernetes.kubeconfig).expanduser()


class ClusterClient:
    """The API, in the words that planning and applying need. Objects are plain JSON data."""

    def __init__(self, pool: http.UnixPool) -> None:
        self._pool = pool
        self._known: Discovery | None = None
        self._version: dict[str, Any] | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    # --- the server -------------------------------------------------------------------------------

    def version(self) -> str:
        """The server's version, such as `v1.37.2`."""
        if self._version is None:
            self._version = self._json("GET", "/version", "read the server's version")
        return str(self._version.get("gitVersion", ""))

    def uid(self, namespace: str = "") -> str:
        """What tells this cluster from others: the uid of kube-system.

        Where that may not be read: `namespace:<uid>` of the namespace given.
        """
        try:
            return self._namespace_uid("kube-system")
        except ClusterDeniedError:
            if not namespace:
                raise
            return f"namespace:{self._namespace_uid(namespace)}"

    def _namespace_uid(self, name: str) -> str:
        found = self._json("GET", f"/api/v1/namespaces/{name}", f"get Namespace {name}")
        return str(found["metadata"]["uid"])

    def discovery(self, *, fresh: bool = False) -> Discovery:
        """The kinds that are served; read once, again if `fresh`."""
        with self._lock:
            if self._known is None or fresh:
                answers = [
                    self._json("GET", path, "list the API's kinds", accept=ACCEPT)
                    for path in ("/api", "/apis")
                ]
                self._known = Discovery.of(answers)
            return self._known

    def api_versions(self) -> tuple[str, ...]:
        """API versions and kinds, as Helm's capabilities want them."""
        return self.discovery().api_versions()

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """A kind, None if it is not served; asks the server anew before it says so."""
        found = self.discovery().get(api_version, kind)
        return found or self.discovery(fresh=True).get(api_version, kind)

    def allowed(self, verb: str, api_version: str, kind: str, namespace: str = "") -> bool:
        """Whether the API server would let us: a SelfSubjectAccessReview."""
        resource = self._resource(api_version, kind)
        group = api_version.rpartition("/")[0]
        attributes = {
            "verb": verb, "group": group, "resource": resource.plural, "namespace": namespace,
        }  # fmt: skip
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = self._json("POST", path, "ask for our own rights", body=review)
        return bool((answer.get("status") or {}).get("allowed"))

    # --- reading ----------------------------------------------------------------------------------

    def get(self, ref: ObjectRef) -> Object | None:
        """An object, None if it (or its kind) is not there."""
        resource = self.discovery().get(ref.api_version, ref.kind)
        if resource is None:
            return None
        path = resource.path(ref.namespace, ref.name)
        code, body = self._request("GET", path)
        if code == 404:
            return None
        return _object(code, body, f"get {_shown(ref)}")

    def list(
        self, api_version: str, kind: str, namespace: str | None = None, selector: str | None = None
    ) -> Objects:
        """All objects of a kind, of one namespace or of all; `selector` is a label selector."""
        resource = self._resource(api_version, kind)
        query: dict[str, str] = {"limit": str(_PAGE)}
        if selector:
            query["labelSelector"] = selector
        found: Objects = []
        while True:
            path = f"{resource.path(namespace or '')}?{urlencode(query)}"
            page = self._json("GET", path, f"list {kind}")
            found += [
                {"apiVersion": api_version, "kind": kind, **item}
                for item in page.get("items") or []
            ]
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return found
            query["continue"] = token

    def logs(
        self, namespace: str, pod: str, container: str, *, lines: int = 20, previous: bool = False
    ) -> str:
        """The last lines of a container's log, '' where there is none."""
        query = {"container": container, "tailLines": str(lines)}
        if previous:
            query["previous"] = "true"
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log?{urlencode(query)}"
        code, body = self._request("GET", path)
        return body.decode(errors="replace") if code == 200 else ""

    def events(self, namespace: str, uid: str) -> Objects:
        """The events about one object, by its uid."""
        selector = urlencode({"fieldSelector": f"involvedObject.uid={uid}"})
        path = f"/api/v1/namespaces/{namespace}/events?{selector}"
        found: Objects = self._json("GET", path, "list Events").get("items") or []
        return found

    # --- writing ----------------------------------------------------------------------------------

    def apply(
        self, obj: Object, *, force: bool = False, dry_run: bool = False, manager: str = MANAGER
    ) -> Object:
        """Server-side apply; the object as it is (or, `dry_run`, would be) afterwards.

        FieldConflictError has the fields and their managers; ImmutableFieldError, ObjectRefused.
        """
        resource = self._resource(obj["apiVersion"], obj["kind"])
        query = {"fieldManager": manager, "force": str(force).lower()}
        if dry_run:
            query["dryRun"] = "All"
        path = f"{_path_of(resource, obj)}?{urlencode(query)}"
        verb = "try" if dry_run else "apply"
        return self._json("PATCH", path, f"{verb} {_named(obj)}", body=obj, kind=_APPLY)

    def create(self, obj: Object, *, manager: str = MANAGER) -> Object:
        """Create; ConflictError if it exists."""
        resource = self._resource(obj["apiVersion"], obj["kind"])
        path = resource.path(obj["metadata"].get("namespace", ""))
        query = urlencode({"fieldManager": manager})
        return self._json("POST", f"{path}?{query}", f"create {_named(obj)}", body=obj)

    def replace(self, obj: Object, *, manager: str = MANAGER) -> Object:
        """Replace, at the object's resourceVersion if it has one; ConflictError if it moved."""
        resource = self._resource(obj["apiVersion"], obj["kind"])
        query = urlencode({"fieldManager": manager})
        path = f"{_path_of(resource, obj)}?{query}"
        return self._json("PUT", path, f"replace {_named(obj)}", body=obj)

    def patch(
        self, ref: ObjectRef, body: Any, content_type: str = "application/merge-patch+json"
    ) -> Object:
        """Patch with a JSON, merge or strategic patch."""
        resource = self._resource(ref.api_version, ref.kind)
        path = f"{resource.path(ref.namespace, ref.name)}?{urlencode({'fieldManager': MANAGER})}"
        return self._json("PATCH", path, f"patch {_shown(ref)}", body=body, kind=content_type)

    def delete(
        self,
        ref: ObjectRef,
        *,
        uid: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
    ) -> bool:
        """Delete, if `uid` is given only that very object; False if it was not there."""
        resource = self.discovery().get(ref.api_version, ref.kind)
        if resource is None:
            return False
        options: dict[str, Any] = {
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation,
        }  # fmt: skip
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        path = resource.path(ref.namespace, ref.name)
        code, body = self._request("DELETE", path, msgspec.json.encode(options))
        if code == 404:
            return False
        _object(code, body, f"delete {_shown(ref)}")
        return True

    # --- requests ---------------------------------------------------------------------------------

    def _resource(self, api_version: str, kind: str) -> Resource:
        resource = self.resource(api_version, kind)
        if resource is None:
            raise ClusterError(
                f"the cluster does not serve {kind} of {api_version}",
                "Its CustomResourceDefinition is missing, or the cluster is too old or too new.",
            )
        return resource

    def _json(
        self, method: str, path: str, what: str, *, body: Any = None, kind: str = _JSON,
        accept: str = _JSON,
    ) -> dict[str, Any]:  # fmt: skip
        data = None if body is None else msgspec.json.encode(body)
        return _object(*self._request(method, path, data, kind=kind, accept=accept), what)

    def _request(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        *,
        kind: str = _JSON,
        accept: str = _JSON,
    ) -> tuple[int, bytes]:
        """Code and body of an answer; what may pass is asked again where it may be repeated."""
        headers: Mapping[str, str] = {"Accept": accept, "Content-Type": kind}
        for attempt in range(1, _TRIES + 1):
            try:
                answer = self._pool.request(method, path, body=data, headers=headers)
            except http.TransportError as error:
                if attempt == _TRIES or method == "POST":
                    raise unreachable(f"kubectl's proxy: {error}") from None
            else:
                repeatable = method != "POST" or answer.status == 429
                if answer.status not in _PASSING or attempt == _TRIES or not repeatable:
                    return answer.status, answer.data
                if answer.status in (500, 502) and attempt > 1:
                    return answer.status, answer.data
            clock.pause(0.2 * attempt)
        raise ClusterUnreachableError("the cluster can't be reached")  # pragma: no cover


def _object(code: int, body: bytes, what: str) -> dict[str, Any]:
    if code >= 400:
        raise refusal(code, body, what)
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ClusterError(f"{what}: the API server's answer is no JSON object: {error}") from None


def _path_of(resource: Resource, obj: Object) -> str:
    metadata = obj["metadata"]
    return resource.path(metadata.get("namespace", ""), metadata["name"])


def _named(obj: Object) -> str:
    metadata = obj["metadata"]
    where = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{obj['kind']} {where}{metadata['name']}"


def _shown(ref: ObjectRef) -> str:
    return f"{ref.kind} {ref.namespace}/{ref.name}" if ref.namespace else f"{ref.kind} {ref.name}"
