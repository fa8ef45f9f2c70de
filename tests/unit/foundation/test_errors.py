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
