"""The product "shop" as its spec has it, planned against a real API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airferry_archive.release import (
    Chart,
    GeneratedField,
    Input,
    InputTarget,
    Manifests,
    Release,
)
from airferry_foundation import documents
from airferry_installer.planning import rendered, views
from airferry_rendering import packing

pytestmark = [pytest.mark.cluster, pytest.mark.program("helm")]

SHOP = Path(__file__).parents[4] / "fixtures" / "shop"
IMAGES = tuple(
    f"registry.shop.example/shop/{name}:{version}"
    for name in ("web", "migrate", "tools", "store")
    for version in ("1.4.0", "1.5.0")
)


def charts(world: Any, base: bytes) -> tuple[Chart, ...]:
    values = {"store": (SHOP / "values" / "store.yaml").read_bytes(), "shop": base}
    return tuple(
        Chart(
            name=name,
            version="1.4.0",
            digest="sha256:" + "1" * 64,
            content=world._add(packing.pack_chart(SHOP / "charts" / name)),
            release_name=name,
            namespace="shop",
            values=(world._add(values[name]),),
        )
        for name in ("store", "shop")
    )


def release(world: Any, version: str, base: bytes) -> Release:
    files = sorted((SHOP / "manifests").glob("*.yaml"))
    stream = world._add(b"---\n".join(path.read_bytes() for path in files))
    host = Input(
        name="host",
        type="string",
        default="shop.example",
        to=(
            InputTarget(chart="shop", path="host"),
            InputTarget(
                manifest="manifests", kind="ConfigMap", name="shop-site", path="/data/host"
            ),
        ),
    )
    password = Input(
        name="admin_password",
        type="string",
        secret=True,
        to=(InputTarget(chart="shop", path="admin.password"),),
    )
    made = GeneratedField(
        chart="store", kind="Secret", name="store-credentials", path="/data/password"
    )
    return world.release(
        *charts(world, base),
        version=version,
        images=IMAGES,
        inputs=(host, password),
        generated=(made,),
        manifests=(Manifests(name="manifests", digest=stream, namespace="shop"),),
    )


def test_the_shop_is_planned_installed_and_upgraded(world: Any, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("a password that is long enough\n")
    world.site("inputs: {admin_password: {file: pw}, host: shop.bank.lan}")
    base = (SHOP / "values" / "base.yaml").read_bytes()
    first = world.plan(release(world, "1.4.0", base))
    assert {step.action for step in first.steps} == {"create", "run"}
    assert any("lookup" in line or "Secret" in line for line in first.read)
    assert b"long enough" not in documents.encode(first)
    world.put(first)

    again = world.plan(release(world, "1.4.0", base))
    assert {step.action for step in again.steps} == {"unchanged"}, list(views.text(again))

    changed = base.replace(b'tag: "1.4.0"\nmigrate', b'tag: "1.5.0"\nmigrate').replace(
        b"Good morning", b"Good evening"
    )
    upgrade = world.plan(release(world, "1.5.0", changed))
    actions = {
        f"{step.object.kind} {step.object.name}": step.action
        for step in upgrade.steps
        if step.action != "unchanged"
    }
    assert actions == {
        "ConfigMap shop-web": "update",
        "Deployment shop-web": "update",
        "Job shop-migrate": "run",
    }, list(views.text(upgrade))
    assert {change.path for change in upgrade.values} == {"shop.greeting", "shop.image.tag"}
    kept = rendered.load(world.state, upgrade.rendered)
    store = next(i for i in kept.objects if i.body["metadata"]["name"] == "store-credentials")
    assert store.body["data"]["password"] == "generated"
