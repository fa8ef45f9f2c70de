"""What a registry's answers and a connection's failures mean, in words and error classes.

Source: OCI distribution-spec 1.1, "Error Codes".
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import msgspec
from urllib3 import exceptions

from airferry_foundation import http
from airferry_foundation.errors import (
    RegistryDeniedError,
    RegistryError,
    RegistryMissingError,
    RegistryUnreachableError,
)
from airferry_foundation.http import Response, TransportError

_SHOWN = 300
_CAP = 64 << 10
_SECONDS = 10.0  # that a registry's words may take


class _Problem(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _Problems(msgspec.Struct, frozen=True):
    errors: tuple[_Problem, ...] = ()


def unreachable(error: TransportError, origin: str) -> RegistryUnreachableError:
    """The error for a request that got no answer: name, port, TLS, proxy and cut told apart."""
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, ssl.SSLError):
            return _tls(cause, origin)
    for kind, words, hint in _FAILURES:
        if any(isinstance(cause, kind) for cause in chain):
            return RegistryUnreachableError(f"registry {origin}: {words}", hint)
    return RegistryUnreachableError(
        f"registry {origin} can't be reached: {str(chain[-1])[:_SHOWN]}",
        "Check address, port and the network in between.",
    )


_FAILURES: tuple[tuple[type[BaseException], str, str], ...] = (
    (
        exceptions.ProxyError,
        "the proxy of the environment can't be reached or refuses",
        "Correct HTTPS_PROXY, or name the host in NO_PROXY.",
    ),
    (
        exceptions.NameResolutionError,
        "its name is not known (DNS)",
        "Correct the name, or add it to DNS or /etc/hosts on this machine.",
    ),
    (
        ConnectionRefusedError,
        "nothing listens there (connection refused)",
        "Start the registry, or correct the port.",
    ),
    (
        exceptions.ConnectTimeoutError,
        "it does not answer (timeout while connecting)",
        "Check the address, and whether a firewall drops the connection.",
    ),
    (
        exceptions.ReadTimeoutError,
        "it stopped answering (timeout while reading)",
        "Give the same command again; if it stays so, look at the registry's log.",
    ),
    (
        TimeoutError,  # inside a body, which `http.Body` reads without urllib3
        "it stopped answering (timeout while reading)",
        "Give the same command again; if it stays so, look at the registry's log.",
    ),
    (
        exceptions.ProtocolError,
        "it cut the connection",
        "Give the same command again; if it stays so, look at the registry's log.",
    ),
)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, what it wraps, and what it came from; innermost last."""
    seen: set[int] = set()
    todo: list[BaseException] = [error]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [getattr(one, "reason", None), one.__cause__, one.__context__, *one.args]
        todo.extend(item for item in inner if isinstance(item, BaseException))


def _tls(error: ssl.SSLError, origin: str) -> RegistryUnreachableError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return RegistryUnreachableError(
            f"registry {origin}: its certificate is refused (x509): {error.verify_message}",
            "Name the authority that issued it as `ca`, or correct the host name.",
        )
    if error.reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}:
        return RegistryUnreachableError(
            f"registry {origin} does not speak TLS",
            "If it is meant to be plain HTTP, say plain_http: true for it, under registries: in "
            "airferry.yaml, under registry: or registries: in site.yaml.",
        )
    return RegistryUnreachableError(
        f"registry {origin}: TLS failed: {error.reason or error}",
        "Check certificate, client certificate and protocol version.",
    )


CREATE_FIRST = "This registry makes no repository by itself. Create there first: "


def refusal(
    response: Response, origin: str, what: str, *, login: str = "", pushing_to: str = ""
) -> RegistryError:
    """The error for an answer that is not the one that was hoped for; the body is read, capped.

    `login` is who we were, for the words of 401 and 403; `pushing_to` the repository that something
    was sent to.
    """
    said = _said(response)
    status = response.status
    place = f"registry {origin}: {what}"
    if status in {401, 403, 407}:
        return _forbidden(status, said, origin, what, login)
    if found := _about_place(status, said, place, pushing_to):
        return found
    if status == 400 and "HTTPS" in said:
        return RegistryError(f"{place}: it speaks TLS, not plain HTTP", "Drop plain_http.")
    if status == 429 or status >= 500:
        return RegistryError(
            f"{place}: it answers {status}{said}",
            "It stayed so over several tries. Try later, and look at the registry's log.",
        )
    return RegistryError(f"{place}: unexpected answer {status}{said}", "Is this an OCI registry?")


def _forbidden(status: int, said: str, origin: str, what: str, login: str) -> RegistryDeniedError:
    if status == 401:
        return denied(origin, what, login=login)
    if status == 407:
        return RegistryDeniedError(
            f"registry {origin}: {what}: the proxy of the environment wants a login (407)",
            "Write it into HTTP_PROXY and HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT.",
        )
    who = f"{login} may not" if login else "one without a login may not"
    return RegistryDeniedError(
        f"registry {origin}: {what}: {who} (403{said})",
        "Ask for the right, or log in as somebody who has it.",
    )


def _about_place(status: int, said: str, place: str, pushing_to: str) -> RegistryError | None:
    """The error where what was named is not there, or can't be; None for anything else."""
    if status == 404 and pushing_to and "NAME_UNKNOWN" in said:
        return RegistryMissingError(
            f"{place}: there is no such repository (404{said})", f"{CREATE_FIRST}{pushing_to}"
        )
    if status in {400, 404} and "NAME_INVALID" in said:
        return RegistryError(
            f"{place}: it takes no such path ({status}{said})",
            "Where it allows no nested paths, set `flatten: true` for it in site.yaml; to publish, "
            "name a shorter path.",
        )
    if status == 404:
        return RegistryMissingError(
            f"{place}: it is not there (404{said})", "Check the name and the tag or digest."
        )
    return None


def token_ended(origin: str, what: str) -> RegistryUnreachableError:
    """The error for a 401 in the middle of bytes that flow by: they can be sent again."""
    return RegistryUnreachableError(
        f"registry {origin}: {what}: its token ended while bytes were on their way (401)",
        "Give the same command again; it goes on where it was.",
    )


def put_off(response: Response, origin: str, what: str) -> RegistryUnreachableError:
    """The error for a 429 or 5xx in place of taking bytes that flow by: they can be sent again."""
    return RegistryUnreachableError(
        f"registry {origin}: {what}: it takes nothing now ({response.status}{_said(response)})",
        "Give the same command again later; it goes on where it was. Look at the registry's log.",
    )


def denied(origin: str, what: str, *, login: str = "") -> RegistryDeniedError:
    """The error for 401: credentials that are wrong, or missing."""
    host = origin.partition("://")[2]
    if login:
        return RegistryDeniedError(
            f"registry {origin}: {what}: wrong user name or password for {login} (401)",
            f"Log in again, for example with `skopeo login {host}`.",
        )
    return RegistryDeniedError(
        f"registry {origin}: {what}: it wants a login, and there is none for {host} (401)",
        f"Log in first, for example with `skopeo login {host}`, or set DOCKER_CONFIG.",
    )


def _said(response: Response) -> str:
    """The registry's own words, as ` CODE: message`, cleaned and short."""
    try:
        body = http.read_small(response, _CAP, _SECONDS) or b""
        problems = msgspec.json.decode(body, type=_Problems).errors
        text = "; ".join(f"{p.code}: {p.message}" if p.message else p.code for p in problems)
    except TransportError:
        return ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = body.decode(errors="replace")
    clean = "".join(c if c.isprintable() else " " for c in text).strip()
    return f" {clean[:_SHOWN]}" if clean else ""
