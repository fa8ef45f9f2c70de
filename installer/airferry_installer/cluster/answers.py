"""What an API server's refusals mean: `Status` objects to our errors. Pure.

Source: kubernetes.io/docs/reference/kubernetes-api/common-definitions/status.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from airferry_foundation.errors import (
    AirferryError,
    ClusterDeniedError,
    ClusterError,
    ClusterUnreachableError,
    ConflictError,
    ObjectRefusedError,
)
from airferry_installer.planning.plan import Conflict

_MANAGER = re.compile(r'conflict with "([^"]*)"')
_IMMUTABLE = re.compile(
    r"immutable|updates to \w+ spec for fields other than|may not be changed"
    r"|may not change once set|cannot be changed|cannot change roleRef",
    re.IGNORECASE,
)
_SHOWN = 800
_ADMISSION = re.compile(r"admission webhook|exceeded quota|violates PodSecurity|denied the request")


class FieldConflictError(ConflictError):
    """Other managers own fields that an apply would set."""

    exit_code = 47

    def __init__(self, message: str, conflicts: tuple[Conflict, ...]) -> None:
        super().__init__(message, "Agree with the owner, or list the field under `ignore`.")
        self.conflicts = conflicts


class ImmutableFieldError(ObjectRefusedError):
    """An object exists, and the field that would change can't be changed in place."""

    exit_code = 48


def refusal(  # noqa: PLR0911 - one return a meaning
    code: int, body: bytes, what: str
) -> AirferryError:
    """The error that an answer of 400 and above stands for; `what` names verb and object."""
    status = _status(body)
    if status is None:
        return _from_the_proxy(code, body, what)
    whole = str(status.get("message", ""))  # a refused Job is quoted in full, its reason comes last
    message = whole if len(whole) <= _SHOWN else f"{whole[:_SHOWN]} … {whole[-200:]}"
    reason = str(status.get("reason", ""))
    if code == 401:
        return ClusterDeniedError(
            f"the cluster does not know these credentials ({what}): {message}",
            "Log in anew, or name another context in site.yaml (environments: … kubernetes).",
        )
    if code == 409:
        return _conflict(status, message, what)
    if code in (400, 422) or _ADMISSION.search(whole):
        kind = ImmutableFieldError if _IMMUTABLE.search(whole) else ObjectRefusedError
        return kind(f"the cluster refuses {what}: {message}")
    if code == 403:
        return ClusterDeniedError(
            f"no right to {what}: {message}",
            "Ask the cluster's administrators for this right, then give the command again.",
        )
    if code == 500 and "field not declared in schema" in message:
        return ObjectRefusedError(f"the cluster refuses {what}: {message}")
    return ClusterError(f"{what}: the API server answered {code} {reason}: {message}")


def _status(body: bytes) -> dict[str, Any] | None:
    try:
        status = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    return status if isinstance(status, dict) and status.get("kind") == "Status" else None


def _from_the_proxy(code: int, body: bytes, what: str) -> AirferryError:
    text = body[:500].decode(errors="replace").strip()
    if code >= 500:  # the proxy itself: it got no answer from the server
        return unreachable(text or f"{what}: no answer")
    return ClusterError(f"{what}: the API server answered {code}: {text}")


def unreachable(text: str) -> ClusterUnreachableError:
    """The error for a server that gives no answer."""
    return ClusterUnreachableError(
        f"the cluster can't be reached: {text}",
        "Check `kubectl version` with the kubeconfig and context that site.yaml names.",
    )


def _conflict(status: dict[str, Any], message: str, what: str) -> AirferryError:
    causes = (status.get("details") or {}).get("causes") or []
    conflicts = tuple(
        Conflict(path=str(cause.get("field", "")), manager=_manager(str(cause.get("message", ""))))
        for cause in causes
        if cause.get("reason") == "FieldManagerConflict"
    )
    if conflicts:
        owned = "; ".join(f"{c.path} is owned by {c.manager}" for c in conflicts)
        return FieldConflictError(f"{what}: {owned}", conflicts)
    return ConflictError(f"{what}: {message}", "The object moved meanwhile; plan anew.")


def _manager(message: str) -> str:
    found = _MANAGER.search(message)
    return found[1] if found else "somebody else"
