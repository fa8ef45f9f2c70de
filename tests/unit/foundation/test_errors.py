from __future__ import annotations

from collections.abc import Iterator

import pytest

from airferry_foundation import errors
from airferry_foundation.errors import AirferryError

FAULTS = {
    errors.InputError: range(10, 20),
    errors.TrustError: range(20, 30),
    errors.RegistryError: range(30, 40),
    errors.ClusterError: range(40, 50),
    errors.MediaError: range(50, 60),
    errors.MachineError: range(60, 70),
}


def below(kind: type[AirferryError]) -> Iterator[type[AirferryError]]:
    for inner in kind.__subclasses__():
        if inner.__module__ == errors.__name__:
            yield inner
            yield from below(inner)


def test_no_two_classes_share_an_exit_code() -> None:
    codes = [kind.exit_code for kind in below(AirferryError)]
    assert len(codes) == len(set(codes))
    assert not {0, 1, 2} & set(codes)


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_the_code_tells_who_is_at_fault(kind: type[AirferryError]) -> None:
    assert all(inner.exit_code in FAULTS[kind] for inner in (kind, *below(kind)))


def test_every_class_says_in_one_line_what_it_means() -> None:
    for kind in below(AirferryError):
        assert kind.__doc__, kind
        assert kind.__doc__.strip().count("\n") == 0, kind


def test_an_error_has_a_message_and_a_hint() -> None:
    error = errors.InputError("a.yaml: no", "Do this.")
    assert (str(error), error.message, error.hint) == ("a.yaml: no", "a.yaml: no", "Do this.")
    assert AirferryError("x").hint == ""


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("https://robot:hunter2@reg.example/a can't be reached", "https://***@reg.example/a"),
        ("'robot:hunter2@127.0.0.1:5000/a:1': not a digest", "'***@127.0.0.1:5000/a:1'"),
        ("proxyconnect: http://u:p%40ss:w@proxy:3128", "http://***@proxy:3128"),
        ("https://:token@reg.example", "https://***@reg.example"),
        ("oci://u:two@at@reg.example/x", "oci://***@reg.example/x"),
    ],
)
def test_logins_in_addresses_are_not_repeated(said: str, shown: str) -> None:
    error = AirferryError(f"what was given: {said}", f"Look at {said}.")
    assert shown in error.message
    for text in (error.message, error.hint, str(error), repr(error)):
        assert not any(secret in text for secret in ("hunter2", "p%40ss", "token", "two@at"))


@pytest.mark.parametrize(
    "text",
    [
        f"docker.io/acme/web:1.0@sha256:{'0' * 64} is not there",
        f"127.0.0.1:5000/acme/web@sha256:{'0' * 64}",
        "the key sk-ssh-ed25519@openssh.com, of anna@example.org: unknown",
        "line 3: anna@example.org",
        "journal entry 4 (refused, 2026-11-24T14:50:20Z)",
    ],
)
def test_what_is_no_login_stays(text: str) -> None:
    assert AirferryError(text).message == text


def test_long_words_of_programs_take_no_time() -> None:
    text = "a:" * 5_000 + "@"
    assert AirferryError(text).message == text
