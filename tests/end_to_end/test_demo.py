"""`make demo`, run as a person would, and what it leaves held against stock tools."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from airferry_fixtures.servers.programs import program

ROOT = Path(__file__).parents[2]
PROGRAMS = (
    "cosign", "registry", "helm", "kubectl", "kube-apiserver", "kube-controller-manager",
    "kube-scheduler", "etcd", "kwok",
)  # fmt: skip


def start_demo(folder: Path) -> subprocess.Popen[str]:
    paths = f"{ROOT / 'fixtures'}:{ROOT / 'demo'}"
    return subprocess.Popen(
        [sys.executable, "-m", "airferry_demo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo")
    process = start_demo(folder)
    told, _ = process.communicate(timeout=500)
    assert process.returncode == 0, told[-6000:]
    return folder / ".demo", told


def run(*command: str | Path, cwd: Path | None = None, stdin: bytes | None = None) -> bytes:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


@pytest.mark.program(*PROGRAMS)
def test_the_story_is_told_to_its_end(demo: tuple[Path, str]) -> None:
    _, told = demo
    assert "attacks refused" in told
    assert "4 of 4, registry untouched" in told
    assert "The generated password of the store is unchanged." in told
    assert "no drift" in told
    assert "accepted (acme, production, number 1)" in told
    assert "CHANGED" not in told
    assert "Traceback" not in told


@pytest.mark.program(*PROGRAMS)
def test_the_plan_of_the_second_release_shows_exactly_its_two_changes(
    demo: tuple[Path, str],
) -> None:
    folder, _ = demo
    plan = json.loads((folder / "customer" / "plan-2.json").read_bytes())
    changed = {
        (step["object"]["kind"], step["object"]["name"]): [
            f["path"] for f in step.get("fields", [])
        ]
        for step in plan["steps"]
        if step["action"] not in {"unchanged", "run"}
    }
    assert set(changed) == {("ConfigMap", "shop-web"), ("Deployment", "shop-web")}
    assert len(plan["images"]) == 1
    assert [value["path"] for value in plan["values"]] == ["shop.greeting", "shop.image.tag"]


@pytest.mark.program(*PROGRAMS, "skopeo", "bsdtar", "zstd")
def test_the_bundle_opens_with_stock_tools(demo: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = demo
    bundle = folder / "vendor" / "shop-1.4.0.tar.zst"
    for number, command in enumerate((["tar", "--zstd", "-xf"], [program("bsdtar"), "-xf"])):
        out = tmp_path / str(number)
        out.mkdir()
        run(*command, bundle, cwd=out)
        run("sha256sum", "--quiet", "-c", "SHA256SUMS", cwd=out)
    out = tmp_path / "0"
    for signature in sorted(out.glob("signatures/release.json.*.sigstore.json")):
        accepted = [
            key for key in folder.glob("vendor/keys/release-*.pub") if _signed(out, signature, key)
        ]
        assert len(accepted) == 1
    for image in json.loads((out / "release.json").read_bytes())["images"]:
        told = json.loads(run(program("skopeo"), "inspect", f"oci:{out}:{image['name']}"))
        assert told["Digest"] == image["digest"]


def _signed(out: Path, signature: Path, key: Path) -> bool:
    done = subprocess.run(
        [
            program("cosign"), "verify-blob", "--key", key, "--insecure-ignore-tlog=true",
            "--bundle", signature, out / "release.json",
        ],
        capture_output=True,
        check=False,
    )  # fmt: skip
    return done.returncode == 0


@pytest.mark.program(*PROGRAMS)
def test_digests_at_the_customer_are_those_of_the_vendor(demo: tuple[Path, str]) -> None:
    folder, told = demo
    release = json.loads(
        run("tar", "--zstd", "-xOf", folder / "vendor/shop-1.4.0.tar.zst", "release.json")
    )
    stored = folder / "customer" / "registry"
    evidence = {image["index"] for image in release["images"] if "index" in image}
    for blob in release["blobs"]:
        if (
            blob["digest"] in evidence
        ):  # an index whose platforms are filtered: no registry takes it
            continue
        digits = blob["digest"].removeprefix("sha256:")
        data = next(stored.rglob(f"sha256/{digits[:2]}/{digits}/data")).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digits
    for image in release["images"]:
        assert re.search(rf"127\.0\.0\.1:\d+/\S+@{image['digest']}", told)


@pytest.mark.program(*PROGRAMS, "age", "ssh-keygen")
def test_telemetry_opens_with_stock_age_tar_and_ssh_keygen(
    demo: tuple[Path, str], tmp_path: Path
) -> None:
    folder, _ = demo
    (sealed,) = folder.glob("usb/telemetry-*.tar.age")
    plain = tmp_path / "telemetry.tar"
    run(program("age"), "-d", "-i", folder / "vendor/keys/telemetry.age", "-o", plain, sealed)
    with tarfile.open(plain) as archive:
        archive.extractall(tmp_path, filter="data")
    enrolment = json.loads((folder / "usb/enrolment.json").read_bytes())
    _check_signature(tmp_path, tmp_path / "manifest.json", enrolment["key"])


@pytest.mark.program(*PROGRAMS, "ssh-keygen")
@pytest.mark.parametrize("person", ["anna", "ben"])
def test_approvals_are_accepted_by_ssh_keygen(
    demo: tuple[Path, str], tmp_path: Path, person: str
) -> None:
    folder, _ = demo
    public = (folder / "customer" / f"{person}.key.pub").read_text()
    _check_signature(tmp_path, folder / "customer" / f"plan-1-{person}.json", public)


def _check_signature(folder: Path, document: Path, public_key: str) -> None:
    signers = folder / "signers"
    signers.write_text(f"who {public_key}\n")
    run(
        "ssh-keygen", "-Y", "verify", "-f", signers, "-I", "who", "-n", "airferry-v1",
        "-s", f"{document}.sig", stdin=document.read_bytes(),
    )  # fmt: skip


@pytest.mark.program(*PROGRAMS)
def test_an_interrupted_demo_leaves_no_process_behind(tmp_path: Path) -> None:
    process = start_demo(tmp_path)
    registry = tmp_path / ".demo" / "customer" / "registry"
    _await(lambda: registry.exists() and len(_of_demo(tmp_path)) >= 2)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 130, told[-3000:]
    _await(lambda: not _of_demo(tmp_path))


def _await(condition: object, seconds: float = 30) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _of_demo(folder: Path) -> list[int]:
    """Processes that name the demo's folder in their arguments, or work in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            named = str(folder).encode() in (entry / "cmdline").read_bytes()
            working = (entry / "cwd").readlink().is_relative_to(folder)
        except OSError:
            continue
        if named or working:
            found.append(int(entry.name))
    return found
