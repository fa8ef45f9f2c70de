"""kill -9 at seeded moments of an apply and of a back-out: the same command goes on."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from airferry_fixtures.changes import installer
from airferry_fixtures.commands import command
from airferry_installer.applying import drift
from airferry_installer.applying.status import look

pytestmark = [pytest.mark.cluster, pytest.mark.program("kubectl")]

NEW = "r/web@sha256:" + "2" * 64
LONGEST = 6.0  # seconds that an undisturbed run takes at most; some moments lie beyond its end


def killed(shop: Any, moment: float, *arguments: str | Path) -> int:
    """Start a command and kill it at a moment; its exit code if it was faster."""
    words = command("airferry-installer", "--state", shop.state.folder, *arguments)
    child = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    time.sleep(moment)
    child.send_signal(signal.SIGKILL)
    _, complaint = child.communicate()
    assert child.returncode in (0, -signal.SIGKILL), complaint
    return child.returncode


def objects(shop: Any, colour: str, image: str) -> list[Any]:
    return [
        shop.config(colour=colour),
        shop.secret(),
        *(shop.config(f"more-{n}", colour=colour) for n in range(10)),
        shop.deployment(image=image),
        shop.job("seed", hook="pre-install,pre-upgrade"),
    ]


def seed_uid(shop: Any) -> tuple[str, bool]:
    """The hook's Job and whether it has ended."""
    live = shop.live("job", "seed")
    if live is None:
        return "", False
    return live["metadata"]["uid"], bool(live.get("status", {}).get("succeeded"))


def assert_whole(shop: Any, version: str, revision: int, colour: str) -> None:
    found = shop.inventory
    assert (found.state, found.revision, found.running.version) == ("applied", revision, version)
    assert shop.live("configmap", "more-9")["data"] == {"colour": colour}
    assert look(shop.state, shop.client, "staging", "shop").good
    assert drift.find(shop.state, shop.client, "staging", "shop").steps == ()
    shop.state.journal.verify()


@pytest.mark.parametrize("seed", range(5))
def test_an_install_that_was_killed_goes_on(shop: Any, seed: int) -> None:
    moments = random.Random(seed)  # noqa: S311 - moments, not secrets
    path = shop.write(shop.plan("1.0.0", *objects(shop, "red", NEW)))
    for _ in range(2):
        killed(shop, moments.uniform(0.4, LONGEST / 2), "apply", path)
    uid, ended = seed_uid(shop)
    done = installer("--state", shop.state.folder, "apply", path)
    assert done.code == 0, done.stderr
    assert_whole(shop, "1.0.0", 1, "red")
    if ended:
        assert seed_uid(shop)[0] == uid


@pytest.mark.parametrize("seed", range(100, 103))
def test_an_upgrade_and_its_back_out_that_were_killed_go_on(shop: Any, seed: int) -> None:
    moments = random.Random(seed)  # noqa: S311 - moments, not secrets
    old = "r/web@sha256:" + "1" * 64
    first = shop.write(shop.plan("1.0.0", shop.config("gone"), *objects(shop, "red", old)))
    assert installer("--state", shop.state.folder, "apply", first).code == 0
    path = shop.write(shop.plan("2.0.0", *objects(shop, "blue", NEW), operation="upgrade"))
    killed(shop, moments.uniform(0.4, LONGEST), "apply", path)
    done = installer("--state", shop.state.folder, "apply", path)
    assert done.code == 0, done.stderr
    assert_whole(shop, "2.0.0", 2, "blue")
    assert shop.live("configmap", "gone") is None
    back = ("apply", "--backout", "-e", "staging", "--yes")
    if killed(shop, moments.uniform(0.4, LONGEST / 2), *back) != 0:
        done = installer("--state", shop.state.folder, *back, "--output", "json")
        already = done.code == 10 and "backed out already" in done.stderr
        assert done.code == 0 or already, done.stderr
    assert shop.inventory.state == "backed-out"
    assert shop.live("configmap", "more-9")["data"] == {"colour": "red"}
    assert shop.live("configmap", "gone") is not None
    assert drift.find(shop.state, shop.client, "staging", "shop").steps == ()


def test_two_installers_at_once_do_not_both_change(shop: Any) -> None:
    path = shop.write(shop.plan("1.0.0", *objects(shop, "red", NEW)))
    runs = [
        subprocess.Popen(
            command("airferry-installer", "--state", shop.state.folder, "apply", path),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ},
        )
        for _ in range(2)
    ]  # fmt: skip
    codes = []
    for run in runs:
        run.communicate(timeout=120)
        codes.append(run.returncode)
    assert min(codes) == 0
    assert set(codes) <= {0, 64}  # the other one found it done, or the state folder in use
    assert_whole(shop, "1.0.0", 1, "red")
    assert json.dumps(shop.events()).count("apply begun") == 1
