from __future__ import annotations

from typing import Any

from airferry_rendering import images

LOCAL = "registry.acme.lan/airferry/docker.io/library/redis@sha256:" + "1" * 64
MAPPING = {"docker.io/library/redis:7.2": LOCAL}


def deployment(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    named = [{"name": f"c{n}", **c} for n, c in enumerate(containers)]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": named, **spec}}},
    }


def test_images_are_found_in_every_container_and_image_volume() -> None:
    obj = deployment(
        {"image": "redis:7.2"},
        initContainers=[{"name": "i", "image": "a/b:1"}],
        volumes=[{"name": "v", "image": {"reference": "x.io/models:3"}}, {"name": "w"}],
    )
    base = "/spec/template/spec"
    assert sorted(images.find(obj)) == [
        (f"{base}/containers/0/image", "redis:7.2"),
        (f"{base}/initContainers/0/image", "a/b:1"),
        (f"{base}/volumes/0/image/reference", "x.io/models:3"),
    ]


def test_a_custom_resource_that_embeds_a_pod_template_is_seen() -> None:
    obj = {"kind": "Thing", "spec": {"workers": [{"pod": deployment({"image": "a:1"})["spec"]}]}}
    assert images.find(obj) == [("/spec/workers/0/pod/template/spec/containers/0/image", "a:1")]


def test_a_short_name_is_rewritten_to_the_local_pinned_one() -> None:
    obj = deployment({"image": "redis:7.2"}, {"image": "other:1"})
    rewritten = images.rewrite(obj, MAPPING)
    assert [text for _, text in images.find(rewritten)] == [LOCAL, "other:1"]
    assert images.find(obj)[0][1] == "redis:7.2"


def test_variables_and_arguments_that_name_an_image_are_rewritten() -> None:
    obj = deployment(
        {
            "image": "redis:7.2",
            "env": [{"name": "A", "value": "redis:7.2"}, {"name": "B", "value": "redis"}],
            "args": ["--sidecar=docker.io/redis:7.2", "--level=7.2", "redis:7.2", "-x"],
        }
    )
    container = images.rewrite(obj, MAPPING)["spec"]["template"]["spec"]["containers"][0]
    assert [v["value"] for v in container["env"]] == [LOCAL, "redis"]
    assert container["args"] == [f"--sidecar={LOCAL}", "--level=7.2", LOCAL, "-x"]


def test_foreign_images_are_named_with_their_place() -> None:
    obj = deployment({"image": "redis:7.2"}, {"image": "evil.example/x:1"})
    place = "/spec/template/spec/containers/1/image"
    assert images.foreign(obj, MAPPING) == [(place, "evil.example/x:1")]


def test_what_only_looks_like_containers_is_left_alone() -> None:
    obj = {"kind": "X", "spec": {"containers": ["a", "b"], "volumes": None}}
    assert images.find(obj) == []
