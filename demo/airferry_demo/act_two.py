"""Act 2: from a loaded registry to a running release, an upgrade, the way back, and home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from airferry_demo.act_one import recipients, write_site
from airferry_demo.cast import Cast
from airferry_demo.stage import DemoFailed, Stage
from airferry_fixtures.servers.cluster import start_cluster
from airferry_fixtures.servers.programs import put_on_path
from airferry_fixtures.shop import make_shop

FIRST, SECOND = "shop-1.4.0.tar.zst", "shop-1.4.1.tar.zst"
NAMESPACE, KIND = "acme-shop", "promotions.shop.example"
PROGRAMS = Path(__file__).parents[2] / "tools" / "programs.py"


def play(stage: Stage, servers: ExitStack, cast: Cast, *, kubeconfig: str | None) -> None:
    """Install, upgrade, back out, and bring telemetry home."""
    stage.act("Act 2: the release runs")
    write_site(cast, policy="policy.json", kubeconfig=_cluster(stage, servers, cast, kubeconfig))
    _install(cast)
    _upgrade(cast)
    _back_out(cast)
    _bring_home(cast)


def _cluster(stage: Stage, servers: ExitStack, cast: Cast, kubeconfig: str | None) -> str:
    if kubeconfig:
        return _own_cluster(stage, servers, cast, str(Path(kubeconfig.split(":")[0]).absolute()))
    stage.say("A real API server, etcd, controller-manager and scheduler; kwok plays the nodes.")
    _ensure("--group", "cluster")
    put_on_path()
    begun = time.monotonic()
    folder = stage.folder / "customer" / "cluster"
    cluster = servers.enter_context(start_cluster(folder, within=cast.customer.within))
    stage.did("customer: start the cluster", time.monotonic() - begun)
    return os.path.relpath(cluster.kubeconfig, cast.customer.folder)


def _ensure(*programs: str) -> None:
    done = subprocess.run([sys.executable, str(PROGRAMS), "ensure", *programs], check=False)
    if done.returncode:
        raise DemoFailed("a program could not be had; the reason stands above")


def _own_cluster(stage: Stage, servers: ExitStack, cast: Cast, kubeconfig: str) -> str:
    """The person's cluster; what the demo makes there goes again when it ends."""
    stage.say(f"Your own cluster is used: KUBECONFIG={kubeconfig}. What the demo makes there, the")
    stage.say(f"namespace {NAMESPACE} and the kind {KIND}, is deleted at the end.")
    stage.say(f"Its nodes must be able to pull from {cast.local_registry}.")
    _ensure("helm", "kubectl")
    kubectl = ("kubectl", "--kubeconfig", kubeconfig)
    servers.callback(
        cast.customer.run, *kubectl, "delete", "--ignore-not-found", "--wait=false",
        f"namespace/{NAMESPACE}", f"customresourcedefinition/{KIND}",
    )  # fmt: skip
    return kubeconfig


def _install(cast: Cast) -> None:
    cast.stage.step("8. Customer: doctor and plan")
    cast.installer("doctor", f"../usb/{FIRST}", "-e", "production", note="customer: doctor")
    cast.installer(
        "plan", f"../usb/{FIRST}", "-e", "production", "-o", "plan-1.json", note="customer: plan"
    )
    cast.stage.step("9. Customer: nothing is applied without approval")
    cast.installer("apply", "plan-1.json", expect=27)
    approve(cast, "plan-1.json", "CHG-1001")
    cast.stage.step("10. Customer: apply, status")
    _apply(cast, "plan-1.json", "customer: apply the first release")
    cast.installer("status", "-e", "production", note="customer: status")


def approve(cast: Cast, plan: str, ticket: str) -> None:
    """Rita asks, Anna and Ben agree, each with their own key."""
    cast.customer.run("airferry-installer", "request", plan, "--key", "rita.key")
    for person in ("anna", "ben"):
        cast.customer.run(
            "airferry-installer", "approve", plan, "--key", f"{person}.key", "--ticket", ticket,
            "--yes", "-o", f"{plan.removesuffix('.json')}-{person}.json", quiet=True,
        )  # fmt: skip


def _apply(cast: Cast, plan: str, note: str) -> None:
    name = plan.removesuffix(".json")
    cast.installer(
        "apply", plan, "--approval", f"{name}-anna.json", "--approval", f"{name}-ben.json",
        note=note,
    )  # fmt: skip


def _upgrade(cast: Cast) -> None:
    cast.stage.step(
        "11. Vendor: a second release", "One image has another layer, one value is another."
    )
    make_shop(cast.vendor.folder, cast.registry, "1.4.1", recipients=recipients(cast))
    cast.bundler("lock")
    cast.bundler("release")
    cast.bundler("diff", FIRST, "release.json", expect=1)
    for person in ("alice", "bob"):
        cast.bundler("sign", "release.json", "--key", f"keys/release-{person}.key", quiet=True)
    cast.bundler("build", "-o", SECOND, note="vendor: build the second release")
    cast.vendor.run("cp", SECOND, "../usb/")
    cast.stage.step("12. Customer: load, plan; the plan shows exactly that")
    cast.installer("load", f"../usb/{SECOND}", note="customer: load the second release")
    password = _password(cast)
    cast.installer("plan", f"../usb/{SECOND}", "-e", "production", "-o", "plan-2.json")
    approve(cast, "plan-2.json", "CHG-1002")
    _apply(cast, "plan-2.json", "customer: apply the second release")
    kept = _password(cast) == password
    cast.stage.say(f"The generated password of the store is {'unchanged' if kept else 'CHANGED'}.")
    cast.stage.did("the store's generated password", 0, "unchanged" if kept else "CHANGED")


def _password(cast: Cast) -> str:
    return cast.customer.run(
        "kubectl", "--kubeconfig", _kubeconfig(cast), "-n", NAMESPACE, "get", "secret",
        "store-credentials", "-o", "jsonpath={.metadata.uid} {.metadata.resourceVersion}",
    )  # fmt: skip


def _kubeconfig(cast: Cast) -> str:
    site = (cast.customer.folder / "site.yaml").read_text()
    return site.split("kubeconfig: ")[1].split("}")[0]


def _back_out(cast: Cast) -> None:
    cast.stage.step("13. Customer: back out, under the same approval")
    cast.installer("apply", "--backout", "-e", "production", "--yes", note="customer: back out")
    cast.installer("status", "-e", "production")
    cast.installer("drift", "-e", "production")
    cast.installer("history", "--verify")


def _bring_home(cast: Cast) -> None:
    cast.stage.step("14. Home: the customer decides what leaves")
    cast.installer("telemetry", "export", "-o", "../usb", expect=28)
    cast.installer("telemetry", "consent", "--all")
    cast.installer("telemetry", "preview")
    cast.installer("telemetry", "export", "-o", "../usb", note="customer: telemetry export")
    cast.customer.run("cp", "state/enrolment.json", "../usb/")
    cast.stage.step("15. Vendor: enrol the instance once, import, report")
    enrolment = json.loads((cast.stick / "enrolment.json").read_text())
    cast.bundler(
        "fleet", "enroll", "../usb/enrolment.json", "--fingerprint", enrolment["fingerprint"],
        "--store", "fleet",
    )  # fmt: skip
    sealed = [path.name for path in sorted(cast.stick.glob("telemetry-*.tar.age"))]
    files = [f"../usb/{name}" for name in sealed]
    cast.bundler(
        "telemetry", "import", *files, "--store", "fleet", "--identity", "keys/telemetry.age",
        note="vendor: telemetry import",
    )  # fmt: skip
    cast.bundler("fleet", "report", "--store", "fleet")
