"""References: Docker's defaults, what is refused, and where images live at a customer."""

from __future__ import annotations

import pytest

from airferry_foundation.errors import ImageReferenceError
from airferry_registry.references import (
    LocalNames,
    Reference,
    local_repository,
    parse,
    parse_oci,
)

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("redis", "docker.io/library/redis:latest"),
        ("redis:7.2", "docker.io/library/redis:7.2"),
        ("acme/web", "docker.io/acme/web:latest"),
        ("index.docker.io/acme/web:1", "docker.io/acme/web:1"),
        ("docker.io/redis:7", "docker.io/library/redis:7"),
        ("localhost/a", "localhost/a:latest"),
        ("127.0.0.1:5000/a:1", "127.0.0.1:5000/a:1"),
        ("registry.example/a/b/c:1.0_x-y", "registry.example/a/b/c:1.0_x-y"),
        (f"registry.example/a@{DIGEST}", f"registry.example/a@{DIGEST}"),
        (f"registry.example/a:1@{DIGEST}", f"registry.example/a:1@{DIGEST}"),
        ("[::1]:5000/a:1", "[::1]:5000/a:1"),
        ("REGISTRY/a:1", "REGISTRY/a:1"),
        ("a__b/c-d.e:1", "docker.io/a__b/c-d.e:1"),
    ],
)
def test_defaults_are_those_of_docker(text: str, full: str) -> None:
    assert str(parse(text)) == full


@pytest.mark.parametrize(
    "text",
    [
        "", ":", "@", "/", "a:", "a@", "a/", "/a", "A", "a//b", "a:b:c", "a b", "a\n", "-a", "a-",
        "a___b", "host.example/", "host.example/A", "a@sha256:abc", f"a@sha512:{'a' * 128}",
        "a:" + "x" * 129, "a/" + "b" * 255, "a:.x", "ho_st.example/a", "../a", "a/../b", "a;b",
        "host.example:123456/a", "\u202ea",
    ],
)  # fmt: skip
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ImageReferenceError) as caught:
        parse(text)
    assert caught.value.hint


def test_version_prefers_the_digest() -> None:
    assert parse(f"a:1@{DIGEST}").version == DIGEST
    assert parse("a:1").version == "1"
    assert Reference("h.example", "a").version == "latest"


def test_local_names_keep_host_and_path() -> None:
    assert local_repository("redis:7") == "docker.io/library/redis"
    assert local_repository("127.0.0.1:5000/a/b:1") == "127.0.0.1-5000/a/b"
    assert local_repository(f"Registry.Example/a@{DIGEST}") == "registry.example/a"
    assert local_repository("[::1]:5000/a") == "1-5000/a"


def test_flattened_names_have_no_slash() -> None:
    assert local_repository("127.0.0.1:5000/a/b:1", flatten=True) == "127.0.0.1-5000-a-b"


def test_two_tags_share_a_repository() -> None:
    names = LocalNames.of(["h.example/a:1", "h.example/a:2"])
    assert names.repository(f"h.example/a@{DIGEST}") == "h.example/a"


def test_collisions_are_refused_by_name() -> None:
    with pytest.raises(ImageReferenceError) as caught:
        LocalNames.of(["h.example:5000/a", "h.example-5000.x/a", "h.example-5000/a"])
    assert "h.example:5000/a and h.example-5000/a" in caught.value.message


def test_flattening_can_collide_where_paths_do_not() -> None:
    originals = ["h.example/a/b", "h.example/a-b"]
    LocalNames.of(originals)
    with pytest.raises(ImageReferenceError, match=r"h\.example-a-b") as caught:
        LocalNames.of(originals, flatten=True)
    assert "flatten" in caught.value.hint


def test_a_foreign_image_has_no_local_name() -> None:
    with pytest.raises(ImageReferenceError, match="no image of this release"):
        LocalNames.of(["a:1"]).repository("b:1")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("oci://registry.example/a/b", ("registry.example", "a/b", None, None)),
        ("oci://localhost:5000/a:1.0", ("localhost:5000", "a", "1.0", None)),
        (f"oci://registry/a@{DIGEST}", ("registry", "a", None, DIGEST)),
        (f"oci://registry/a:1@{DIGEST}", ("registry", "a", "1", DIGEST)),
    ],
)
def test_addresses_of_repositories(text: str, parts: tuple[str, str, str | None, str]) -> None:
    assert parse_oci(text) == Reference(*parts)


@pytest.mark.parametrize(
    "text",
    ["a/b", "oci://", "oci://a", "oci://a/", "oci:///a", "oci://a/B", "oci://a/b@x", "http://a/b"],
)
def test_what_is_no_address_of_a_repository(text: str) -> None:
    with pytest.raises(ImageReferenceError):
        parse_oci(text)
