"""No planted password and no key shows anywhere: one run from the vendor's keys to the way home.

Looked through are every word that a command said, every command line while it ran, and every file
that was left: the state folder, what people carry, the bundle, the registry and its log, the page
of the plan, the objects in the cluster. A secret may stand in its own file, sealed, and in the one
Secret that it is for.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airferry_fixtures.commands import BIN
from airferry_fixtures.servers.cluster import Cluster
from airferry_fixtures.servers.programs import program
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.shop import make_shop
from airferry_fixtures.watching import Watch, command_lines, key_lines, spellings
from airferry_foundation.digests import digest

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.program("cosign", "helm", "registry", "ssh-keygen", "skopeo"),
]

ADMIN = "planted-admin-password"
NEWER = "planted-newer-password"
VENDOR = "planted-vendor-passphrase"
PERSON = "planted-person-passphrase"
LOGIN = "planted-registry-password"
NAMESPACE = "planted-shop"


@dataclass
class Story:
    """A vendor and a customer in one folder, and everything that was said."""

    folder: Path
    said: list[str] = field(default_factory=list)
    watch: Watch = field(default_factory=Watch)
    secrets: dict[str, bytes] = field(default_factory=dict)

    def run(self, name: str, *words: str | Path, where: str = "customer", expect: int = 0) -> str:
        variables = {
            **os.environ,
            "COSIGN_PASSWORD": VENDOR,
            "AIRFERRY_PASSPHRASE": PERSON,
            "AIRFERRY_STATE": str(self.folder / "customer" / "state"),
            "DOCKER_CONFIG": str(self.folder / "customer" / "docker"),
        }
        done = subprocess.run(
            [BIN / name, *words],
            cwd=self.folder / where, env=variables, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        told = done.stdout + done.stderr
        self.said.append(told)
        assert done.returncode == expect, told
        return told

    def vendor(self, *words: str | Path, expect: int = 0) -> str:
        return self.run("airferry-bundler", *words, where="vendor", expect=expect)

    def customer(self, *words: str | Path, expect: int = 0) -> str:
        return self.run("airferry-installer", *words, expect=expect)


def sell(story: Story, registry: RegistryServer) -> None:
    """The vendor's part, up to the stick."""
    folder = story.folder / "vendor"
    folder.mkdir()
    for name in ("root", "release", "channel", "ack", "telemetry"):
        story.vendor("keys", "generate", "--role", name, "--name", name, "-o", "keys")
    pairs = [f"--key={name}=keys/{name}.pub" for name in ("root", "release", "channel", "ack")]
    story.vendor("keys", "root", "init", "--product", "shop", *pairs)
    story.vendor("sign", "roots/1.json", "--key", "keys/root.key")
    reader = (folder / "keys" / "telemetry.age.pub").read_text().strip()
    make_shop(folder, registry.address, recipients={"eu": {"operations": reader}})
    story.vendor("lock")
    story.vendor("release")
    story.vendor("sign", "release.json", "--key", "keys/release.key")
    (folder / "usb").mkdir()
    story.vendor("build", "-o", "usb/shop.tar.zst")
    for name in ("root.key", "release.key", "channel.key", "ack.key", "telemetry.age"):
        for number, line in enumerate(key_lines((folder / "keys" / name).read_text())):
            story.secrets[f"the vendor's {name}, line {number}"] = line


def arrive(story: Story, registry: RegistryServer, cluster: Cluster) -> None:
    """The customer's part, up to a loaded registry."""
    folder = story.folder / "customer"
    (folder / "docker").mkdir(parents=True)
    login = base64.b64encode(f"robot:{LOGIN}".encode()).decode()
    config = {"auths": {registry.address: {"auth": login}}}
    (folder / "docker" / "config.json").write_text(json.dumps(config))
    story.secrets["the login in one word"] = login.encode()
    (folder / "admin").write_text(ADMIN)
    for person in ("rita", "anna"):
        subprocess.run(
            [
                program("ssh-keygen"), "-q", "-t", "ed25519", "-N", PERSON, "-C", person,
                "-f", folder / person,
            ],
            check=True,
        )  # fmt: skip
        for number, line in enumerate(key_lines((folder / person).read_text())):
            story.secrets[f"{person}'s key, line {number}"] = line
    story.customer(
        "policy", "init", "policy.json", "--customer", "acme", "-e", "staging",
        "--person", "rita=rita.pub", "--person", "anna=anna.pub", "--people", "1",
    )  # fmt: skip
    (folder / "site.yaml").write_text(f"""\
customer: acme
products: [shop]
registry: {{push: "{registry.address}", plain_http: true}}
policy: policy.json
telemetry: {{region: eu}}
environments:
  staging:
    kubernetes: {{kubeconfig: {cluster.kubeconfig}}}
    namespaces: {{shop: {NAMESPACE}}}
    inputs: {{admin_password: {{file: admin}}}}
""")
    root = story.folder / "vendor" / "roots" / "1.json"
    words = ("--vendor-root", root, "--fingerprint", digest(root.read_bytes()))
    story.customer("init", "--site", "site.yaml", *words)
    for command in ("inspect", "verify", "load"):
        story.customer(command, BUNDLE)


BUNDLE = "../vendor/usb/shop.tar.zst"


def change(story: Story, plan: str) -> None:
    """Plan, ask, agree and apply."""
    story.customer("plan", BUNDLE, "-e", "staging", "-o", plan)
    story.customer("request", plan, "--key", "rita")
    story.customer("approve", plan, "--key", "anna", "--yes", "-o", f"anna-{plan}")
    story.customer("apply", plan, "--approval", f"anna-{plan}")


def live(story: Story, cluster: Cluster) -> None:
    """Install, look, change the secret, go back, and bring telemetry home."""
    change(story, "plan-1.json")
    story.customer("status")
    story.customer("drift", "-e", "staging")
    (story.folder / "customer" / "admin").write_text(NEWER)
    change(story, "plan-2.json")
    story.customer("apply", "--backout", "-e", "staging", "--yes")
    story.customer("telemetry", "consent", "--all")
    story.customer("telemetry", "preview")
    story.customer("telemetry", "export", "-o", "../vendor/usb")
    story.customer("receipt", "-o", "receipt.json")
    story.customer("history", "--verify", "--output", "json")
    reader = (story.folder / "vendor" / "keys" / "telemetry.age.pub").read_text().strip()
    story.customer("backup", "-o", "sealed.backup", "--recipient", reader)
    store = json.loads(
        cluster.kubectl("get", "secret", "store-credentials", f"-n{NAMESPACE}", "-ojson")
    )
    made = base64.b64decode(store["data"]["password"])
    assert len(made) == 24
    story.secrets["the generated password"] = made


def go_wrong(story: Story) -> None:
    """Errors are where secrets like to show: no key, a refused login, a file that is broken."""
    folder = story.folder / "customer"
    told = story.customer("request", "plan-2.json", "--key", "no-such-key", expect=13)
    assert "no-such-key" in told
    config = folder / "docker" / "config.json"
    good = config.read_text()
    wrong = base64.b64encode(b"robot:planted-wrong-password").decode()
    address = next(iter(json.loads(good)["auths"]))
    config.write_text(json.dumps({"auths": {address: {"auth": wrong}}}))
    story.customer("load", BUNDLE, expect=32)
    config.write_text(good[:-3])
    story.customer("load", BUNDLE, expect=10)
    config.write_text(good)
    (folder / "admin").unlink()
    story.customer("plan", BUNDLE, "-e", "staging", "-o", "plan-3.json", expect=10)
    story.secrets["the wrong password"] = b"planted-wrong-password"
    story.secrets["the wrong login in one word"] = wrong.encode()


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory,
    registry: RegistryServer,
    cluster: Cluster,
) -> Iterator[Story]:
    from airferry_fixtures.servers.registry import start_registry

    told = Story(tmp_path_factory.mktemp("secrets"))
    told.secrets |= {
        name: value.encode()
        for name, value in {
            "the secret input": ADMIN, "the newer secret input": NEWER,
            "the vendor's passphrase": VENDOR, "a person's passphrase": PERSON,
            "the registry's password": LOGIN,
        }.items()
    }  # fmt: skip
    cluster.kubectl("create", "namespace", NAMESPACE)
    own = start_registry(told.folder / "registry", htpasswd=("robot", LOGIN))
    with own, command_lines() as watch:
        told.watch = watch
        sell(told, registry)
        arrive(told, own, cluster)
        live(told, cluster)
        go_wrong(told)
        state = told.folder / "customer" / "state"
        for name in ("instance", "site.age"):
            for number, line in enumerate(key_lines((state / name).read_text())):
                told.secrets[f"{name} of the state, line {number}"] = line
        told.secrets["site.hmac of the state"] = (state / "site.hmac").read_bytes()
        yield told
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


OWN_FILES = {
    "vendor/keys", "customer/docker/config.json", "customer/admin", "customer/rita",
    "customer/anna", "customer/state/instance", "customer/state/site.age",
    "customer/state/site.hmac", "registry/htpasswd",
}  # fmt: skip
"""Where secrets belong: their own files."""


def shown_in(data: bytes, secrets: dict[str, bytes]) -> set[str]:
    """Which secrets show in these bytes, and how they are spelt there."""
    return {
        f"{name}: {how}"
        for name, secret in secrets.items()
        for how, spelt in spellings(secret).items()
        if spelt in data
    }


def test_the_search_finds_what_is_there() -> None:
    for how, text in spellings(b"planted").items():
        assert shown_in(b"x" + text + b"x", {"it": b"planted"}) >= {f"it: {how}"}


def test_nothing_that_was_said_holds_a_secret(story: Story) -> None:
    assert len(story.said) > 35
    assert shown_in("\n".join(story.said).encode(), story.secrets) == set()
    assert not any("Traceback" in said for said in story.said)


def test_no_command_line_holds_a_secret(story: Story) -> None:
    seen = b"\n".join(story.watch.lines)
    for name in (b"cosign", b"helm", b"kubectl", b"airferry-installer", b"airferry-bundler"):
        assert name in seen, f"{name!r} was not seen: the watch is too slow to prove anything"
    assert story.watch.looks > 1000
    # ssh-keygen is started by this test, and is told the passphrase of the keys that it makes.
    ours = {line for line in story.watch.lines if b"ssh-keygen" not in line}
    assert shown_in(b"\n".join(ours), story.secrets) == set()


def test_no_file_but_its_own_holds_a_secret(story: Story) -> None:
    looked = 0
    found: dict[str, set[str]] = {}
    for path in sorted(story.folder.rglob("*")):
        name = str(path.relative_to(story.folder))
        own = any(name == one or name.startswith(f"{one}/") for one in OWN_FILES)
        if path.is_file() and not own:
            looked += 1
            if shown := shown_in(path.read_bytes(), story.secrets):
                found[name] = shown
    assert found == {}
    assert looked > 80


def test_secret_files_are_private(story: Story) -> None:
    state = story.folder / "customer" / "state"
    assert state.stat().st_mode & 0o077 == 0
    loose = [
        str(path) for path in state.rglob("*")
        if path.is_file() and path.stat().st_mode & 0o077
        and path.name not in {"instance.pub", "enrolment.json"} and ".db" not in path.name
    ]  # fmt: skip
    assert loose == []


def test_the_cluster_holds_a_secret_only_where_it_belongs(story: Story, cluster: Cluster) -> None:
    kinds = "configmaps,secrets,deployments,statefulsets,jobs,services,serviceaccounts,events"
    objects = json.loads(cluster.kubectl("get", kinds, f"-n{NAMESPACE}", "-ojson"))["items"]
    assert len(objects) > 5
    belongs: Callable[[Any], bool] = lambda obj: (  # noqa: E731 - two names, once
        obj["kind"] == "Secret" and obj["metadata"]["name"] in {"shop-admin", "store-credentials"}
    )
    for obj in objects:
        body = dict(obj, data={}) if belongs(obj) else obj
        assert shown_in(json.dumps(body).encode(), story.secrets) == set(), obj["metadata"]["name"]


def test_a_yes_that_a_script_gave_is_journalled(story: Story) -> None:
    entries = json.loads(story.customer("history", "--output", "json").splitlines()[-1])["entries"]
    answers = [entry["facts"] for entry in entries if entry["event"] == "answered"]
    assert [(one["by"], one["answer"]) for one in answers] == [("--yes", "yes")]
    assert "Back out of shop" in answers[0]["question"]
