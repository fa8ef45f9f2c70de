"""Challenges as registries write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from airferry_foundation.errors import RegistryError
from airferry_registry.session import Session, _retry_after
from airferry_registry.settings import RegistrySettings, origin_of
from airferry_registry.tokens import read_challenge


def test_a_bearer_challenge() -> None:
    header = 'Bearer realm="https://auth.example/token",service="r",scope="repository:a:pull,push"'
    found = read_challenge(header)
    assert found.scheme == "bearer"
    assert found.parameters == {
        "realm": "https://auth.example/token",
        "service": "r",
        "scope": "repository:a:pull,push",
    }


@pytest.mark.parametrize(
    ("header", "scheme", "parameters"),
    [
        ('Basic realm="x"', "basic", {"realm": "x"}),
        ("BASIC realm=x", "basic", {"realm": "x"}),
        ("Basic", "basic", {}),
        ("", "", {}),
        ('Bearer realm = "a" , service = b', "bearer", {"realm": "a", "service": "b"}),
        ("Bearer ,,,===", "bearer", {}),
        ('Negotiate, Basic realm="x"', "basic", {"realm": "x"}),
        (
            'Basic realm="x, y", Bearer realm="z",scope="a,b"',
            "bearer",
            {"realm": "z", "scope": "a,b"},
        ),
        ("Negotiate oYG2==", "negotiate", {}),
        ('Negotiate oYG2==, Basic realm="x"', "basic", {"realm": "x"}),
        ("Bearer " + 'a="' * 9000, "bearer", {"a": "a="}),
    ],
)
def test_odd_challenges(header: str, scheme: str, parameters: dict[str, str]) -> None:
    found = read_challenge(header)
    assert (found.scheme, found.parameters) == (scheme, parameters)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), (" 0 ", 0.0), ("", None), ("soon", None), ("-1", None),
     ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("\xb2", None), ("1" * 500, 111111111.0),
     ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None)],
)  # fmt: skip
def test_retry_after(header: str, seconds: float | None) -> None:
    assert _retry_after(header) == seconds


def test_settings_out_of_an_address() -> None:
    found = RegistrySettings.of("registry.example:5000/mirror/x", plain_http=True)
    assert (found.origin, found.prefix) == ("http://registry.example:5000", "mirror/x")
    assert found.repository("a") == "mirror/x/a"
    assert RegistrySettings.of("registry.example").repository("a") == "a"
    assert RegistrySettings("docker.io").origin == "https://registry-1.docker.io"


def test_the_client_certificate_stays_at_home() -> None:
    found = RegistrySettings("r.example", client_certificate=Path("c"), client_key=Path("k"))
    assert found.foreign_transport.client_certificate is None
    assert found.foreign_transport.client_key is None


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://R.example/v2/", "https://r.example"),
        ("https://r.example:443/v2/", "https://r.example"),
        ("https://r.example:5000", "https://r.example:5000"),
        ("http://r.example:443/", "http://r.example:443"),
        ("http://u:p@r.example:80/", "http://r.example"),
        ("http://[::1]:5000/x", "http://[::1]:5000"),
        ("http://r.example:99999999/", ""),
        ("/v2/", ""),
        ("", ""),
    ],
)
def test_an_origin_has_one_spelling(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/u?x=1", "https://r.example/u?x=1"),
        ("https://r.example:443/u", "https://r.example/u"),
        ("http://R.EXAMPLE:443/u", "https://r.example/u"),
        ("http://r.example/u", "https://r.example/u"),
        ("https://s3.example/u", "https://s3.example/u"),
    ],
)
def test_a_registry_behind_a_proxy_keeps_its_scheme(location: str, url: str) -> None:
    session = Session(RegistrySettings("r.example"), None)
    assert session.resolve("https://r.example/v2/a", location) == url


def test_nobody_is_led_away_from_tls() -> None:
    session = Session(RegistrySettings("r.example"), None)
    with pytest.raises(RegistryError, match="away from TLS"):
        session.resolve("https://r.example/v2/a", "http://s3.example/u")
