"""The commands around an apply, as a person and as a script read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airferry_fixtures.changes import installer
from airferry_fixtures.commands import Ran
from airferry_foundation import documents
from airferry_installer.approving import requests
from airferry_installer.planning.plan import Plan
from airferry_signing import sshsig

pytestmark = pytest.mark.cluster

IMAGE = "r/web@sha256:" + "1" * 64


def run(shop: Any, *words: str | Path) -> Ran:
    done = installer("--state", shop.state.folder, *words)
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout
    return done


def answer(done: Ran) -> Any:
    return json.loads(done.stdout.splitlines()[-1])


def applied(shop: Any, version: str = "1.0.0", colour: str = "red") -> Path:
    operation: Any = "install" if version == "1.0.0" else "upgrade"
    objects = shop.config(colour=colour), shop.deployment(image=IMAGE), shop.secret()
    path: Path = shop.write(shop.plan(version, *objects, operation=operation))
    done = run(shop, "apply", path)
    assert done.code == 0, done.stderr
    return path


def test_an_apply_without_a_policy_says_so(shop: Any) -> None:
    path = shop.write(shop.plan("1.0.0", shop.config()))
    done = run(shop, "apply", path)
    assert "NOTE: this site has no policy" in done.stdout
    assert "applied: revision 1" in done.stdout
    again = run(shop, "apply", path, "--output", "json")
    assert (answer(again)["outcome"], answer(again)["turn"]) == ("applied", "done")


def test_status_answers_yes_when_everything_is_ready(shop: Any) -> None:
    never = run(shop, "status")
    assert (never.code, "never applied" in never.stdout) == (1, True)
    applied(shop)
    text = run(shop, "status", "-e", "staging")
    assert text.code == 0
    assert "1.0.0 (revision 1)" in text.stdout
    assert "as released" in text.stdout
    found = answer(run(shop, "status", "--output", "json"))
    assert found["good"] is True
    (environment,) = found["environments"]
    assert environment["state"] == "applied"
    assert [(w["ref"]["name"], w["ready"], w["pods"]) for w in environment["workloads"]] == [
        ("web", True, 2)
    ]


def test_status_answers_no_for_another_image(shop: Any) -> None:
    applied(shop)
    shop.cluster.kubectl("set", "image", "deployment/web", "main=evil:1", f"-n{shop.namespace}")
    done = run(shop, "status")
    assert done.code == 1
    assert "evil:1" in done.stdout


def test_drift_answers_by_its_exit_code(shop: Any) -> None:
    applied(shop)
    assert run(shop, "drift", "-e", "staging").code == 0
    shop.cluster.kubectl("delete", "configmap", "settings", f"-n{shop.namespace}")
    text = run(shop, "drift")
    assert text.code == 1
    assert f"ConfigMap {shop.namespace}/settings: it is not there" in text.stdout
    found = answer(run(shop, "drift", "--output", "json"))
    assert (found["drift"], len(found["objects"])) == (True, 1)


def test_a_rollback_writes_a_plan_that_applies(shop: Any) -> None:
    applied(shop)
    applied(shop, "2.0.0", "blue")
    to = shop.folder / "back.json"
    done = run(shop, "rollback", "-e", "staging", "-o", to, "--output", "json")
    assert done.code == 0, done.stderr
    plan = documents.decode(to.read_bytes(), Plan, name="plan", text="any")
    assert (plan.version, plan.operation, answer(done)["version"]) == ("1.0.0", "rollback", "1.0.0")
    assert answer(done)["channel"] is None, "there never was a statement"
    assert run(shop, "apply", to).code == 0
    assert shop.live("configmap", "settings")["data"] == {"colour": "red"}


def test_a_back_out_asks_before_it_begins(shop: Any) -> None:
    applied(shop)
    assert run(shop, "apply", "--backout", "-e", "staging").code == 2
    assert shop.inventory.state == "applied"
    done = run(shop, "apply", "--backout", "-e", "staging", "--yes", "--output", "json")
    assert answer(done)["outcome"] == "backed-out"
    assert shop.live("deployment", "web") is None
    twice = run(shop, "apply", "--backout", "-e", "staging", "--yes")
    assert (twice.code, "backed out already" in twice.stderr) == (10, True)


@pytest.mark.parametrize(
    "words",
    [
        ("apply",),
        ("apply", "plan.json", "--backout"),
        ("apply", "--backout", "-e", "nowhere", "--yes"),
        ("apply", "nothing.json"),
        ("status", "-e", "nowhere"),
        ("drift", "--product", "other"),
        ("rollback", "-e", "staging"),
    ],
)
def test_bad_words_are_told(shop: Any, words: tuple[str, ...]) -> None:
    done = run(shop, *words)
    assert done.code in (2, 10, 13)
    assert done.stderr


def test_approve_needs_only_the_plan_and_a_key(shop: Any, tmp_path: Path) -> None:
    path = shop.write(shop.plan("1.0.0", shop.config(), shop.secret()))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "plan.json").write_bytes(path.read_bytes())
    sshsig.generate(elsewhere / "key")
    words = ("approve", "plan.json", "--key", "key", "--ticket", "CHG-1", "-o", "approval.json")
    asked = installer(*words, folder=elsewhere)
    assert asked.code == 2
    assert not (elsewhere / "approval.json").exists()
    done = installer(*words, "--yes", folder=elsewhere)
    assert done.code == 0, done.stderr
    assert f"ConfigMap {shop.namespace}/settings" in done.stdout
    assert "hunter2" not in done.stdout
    signed = requests.read_signed(elsewhere / "approval.json")
    sshsig.verify(signed.document, signed.signature, name="approval")
    again = installer(*words, "--yes", folder=elsewhere)
    assert (again.code, "exists already" in again.stderr) == (10, True)


def test_a_request_lies_beside_its_plan(shop: Any) -> None:
    path = shop.write(shop.plan("1.0.0", shop.config()))
    sshsig.generate(shop.folder / "key")
    done = installer("request", path, "--key", shop.folder / "key", "--output", "json")
    assert answer(done)["request"] == f"{path}.request.json"
    assert Path(answer(done)["signature"]).exists()


def test_no_cluster_is_told(shop: Any) -> None:
    path = shop.write(shop.plan("1.0.0", shop.config()))
    site = shop.state.site_path
    nowhere = shop.folder / "nowhere.kubeconfig"
    nowhere.write_text(
        Path(shop.cluster.kubeconfig).read_text().replace(shop.cluster.url, "https://127.0.0.1:1")
    )
    site.write_text(site.read_text().replace(str(shop.cluster.kubeconfig), str(nowhere)))
    done = run(shop, "apply", path)
    assert done.code == 41
    assert "can't be reached" in done.stderr


def test_a_policy_is_shown_in_words(tmp_path: Path) -> None:
    for name in ("anna", "ben", "carl"):
        sshsig.generate(tmp_path / name)
    people = [
        word
        for name in ("anna", "ben", "carl")
        for word in ("--person", f"{name}={tmp_path / name}.pub:ops")
    ]
    file = tmp_path / "policy.json"
    words = ("--customer", "acme", "-e", "staging", "--role", "ops=1", *people)
    made = installer("policy", "init", file, *words, "--output", "json")
    assert made.code == 0, made.stderr
    shown = installer("policy", "show", file)
    assert "staging: 2 people, 1 as ops; who asks may not approve" in shown.stdout
    assert answer(made)["digest"] in shown.stdout
    assert installer("policy", "init", file, *words).code == 10
    too_few = installer("policy", "init", tmp_path / "x.json", *words, "--people", "9")
    assert (too_few.code, "9 people must approve" in too_few.stderr) == (12, True)
