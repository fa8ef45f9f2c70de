"""Act 1: from the vendor's build to the customer's registry, and what does not get in."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from pathlib import Path

from airferry_demo.attacks import without_last_signature
from airferry_demo.cast import PASSPHRASE, Cast
from airferry_demo.stage import Stage
from airferry_fixtures.servers.namespace import NamespaceForbidden, isolated_network
from airferry_fixtures.servers.registry import start_registry
from airferry_fixtures.shop import make_shop
from airferry_foundation.digests import digest

BUNDLE = "shop-1.4.0.tar.zst"

SITE = """\
customer: acme
products: [shop]
registry: {{push: "{registry}", plain_http: true, auth: none}}
policy: {policy}
environments:
  production:
    kubernetes: {{kubeconfig: {kubeconfig}}}
    timeout: 120
    namespaces: {{shop: acme-shop}}
    inputs:
      host: shop.acme.lan
      admin_password: {{file: admin-password}}
telemetry: {{region: eu, purpose: operations}}
"""


def play(stage: Stage, servers: ExitStack, *, isolated: bool) -> Cast:
    """Everything up to a loaded registry; leaves the servers running for act two."""
    stage.act("Act 1: a release crosses a gap")
    cast = _enter(stage, servers, isolated=isolated)
    release(cast)
    _carry(cast, BUNDLE)
    _receive(cast)
    _attack(cast)
    return cast


def _enter(stage: Stage, servers: ExitStack, *, isolated: bool) -> Cast:
    within: tuple[str, ...] = ()
    where = "in the ordinary network, since your cluster is to be reached from there"
    try:
        if isolated:
            within = servers.enter_context(isolated_network()).prefix
            where = "in a network namespace that has loopback and nothing else"
    except NamespaceForbidden as forbidden:
        where = f"in the ordinary network: {forbidden}"
    theirs = servers.enter_context(start_registry(stage.folder / "vendor-registry"))
    own = servers.enter_context(
        start_registry(stage.folder / "customer" / "registry", within=within)
    )
    stage.say(f"The vendor has a registry at {theirs.address}.")
    stage.say(f"The customer lives {where}, with a registry of their own, empty, at {own.address}.")
    (stage.folder / "usb").mkdir()
    return Cast(
        stage=stage,
        vendor=stage.actor(stage.folder / "vendor", COSIGN_PASSWORD=PASSPHRASE),
        customer=stage.actor(stage.folder / "customer", within=within),
        registry=theirs.address,
        local_registry=own.address,
    )


def release(cast: Cast) -> None:
    """The vendor's first release: keys, root, lock, release, two signatures, build."""
    cast.stage.step(
        "1. Vendor: keys, once",
        "Release keys are held by two people; both must sign. The root names the keys.",
    )
    for role, name in (
        ("root", "root"), ("release", "release-alice"), ("release", "release-bob"),
        ("channel", "channel"), ("ack", "ack"), ("telemetry", "telemetry"),
    ):  # fmt: skip
        cast.bundler("keys", "generate", "--role", role, "--name", name, "-o", "keys", quiet=True)
    cast.bundler(
        "keys", "root", "init", "--product", "shop", "--key", "root=keys/root.pub",
        "--key", "release=keys/release-alice.pub", "--key", "release=keys/release-bob.pub",
        "--key", "channel=keys/channel.pub", "--key", "ack=keys/ack.pub",
        "--threshold", "release=2",
    )  # fmt: skip
    cast.bundler("sign", "roots/1.json", "--key", "keys/root.key")
    cast.stage.step(
        "2. Vendor: the product",
        "Images with a shared base, two charts, manifests, a secret input: see airferry.yaml.",
    )
    begun = time.monotonic()
    make_shop(cast.vendor.folder, cast.registry, recipients=recipients(cast))
    cast.stage.did("vendor: build and push the images", time.monotonic() - begun)
    cast.bundler("lock", note="vendor: lock")
    cast.bundler("release", note="vendor: release")
    cast.stage.step("3. Vendor: two people sign that small file, anywhere; then it is built")
    cast.bundler("sign", "release.json", "--key", "keys/release-alice.key", note="vendor: sign")
    cast.stage.say("")
    cast.stage.say("One signature is not enough yet:")
    cast.bundler("build", "-o", BUNDLE, expect=23)
    cast.bundler("sign", "release.json", "--key", "keys/release-bob.key")
    cast.bundler("build", "-o", BUNDLE, note="vendor: build")
    cast.bundler("inspect", BUNDLE)


def recipients(cast: Cast) -> dict[str, dict[str, str]]:
    """Whose key telemetry of region `eu` is sealed to."""
    public = (cast.vendor.folder / "keys" / "telemetry.age.pub").read_text().strip()
    return {"eu": {"operations": public}}


def _carry(cast: Cast, bundle: str) -> None:
    cast.stage.step("4. The stick", "A folder plays it. The root's fingerprint goes by telephone.")
    cast.vendor.run("cp", bundle, "roots/1.json", "../usb/")
    size = (cast.stick / bundle).stat().st_size
    cast.stage.did("the stick: bytes carried", 0, f"{size / 1e6:.1f} MB")


def _receive(cast: Cast) -> None:
    cast.stage.step("5. Customer: people and their policy", "Two people approve, never who asks.")
    for person in ("rita", "anna", "ben"):
        cast.customer.run(
            "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", person, "-f", f"{person}.key",
            quiet=True,
        )  # fmt: skip
    cast.customer.run(
        "airferry-installer", "policy", "init", "policy.json", "--customer", "acme",
        "-e", "production", "--person", "rita=rita.key.pub", "--person", "anna=anna.key.pub",
        "--person", "ben=ben.key.pub", "--people", "2",
    )  # fmt: skip
    write_site(cast, policy="policy.json")
    fingerprint = digest((cast.vendor.folder / "roots" / "1.json").read_bytes())
    cast.stage.step("6. Customer: init with the pinned root, inspect, verify, load")
    cast.installer(
        "init", "--site", "site.yaml", "--vendor-root", "../usb/1.json",
        "--fingerprint", fingerprint,
    )  # fmt: skip
    file = f"../usb/{BUNDLE}"
    cast.installer("inspect", file, note="customer: inspect")
    cast.installer("verify", file, note="customer: verify")
    cast.installer("load", file, note="customer: load into the empty registry")
    cast.stage.say("")
    cast.stage.say("Loaded again: nothing is sent.")
    cast.installer("load", file, note="customer: load again")


def write_site(cast: Cast, *, policy: str, kubeconfig: str = "kubeconfig") -> None:
    """The customer's site.yaml, and the secret that it points to."""
    site = SITE.format(registry=cast.local_registry, policy=policy, kubeconfig=kubeconfig)
    (cast.customer.folder / "site.yaml").write_text(site)
    secret = cast.customer.folder / "admin-password"
    secret.write_text("correct-horse-battery")
    secret.chmod(0o600)


def _attack(cast: Cast) -> None:
    cast.stage.step("7. Attacks", "Each is refused, and the registry stays as it was.")
    before = _registry_files(cast)
    cast.stage.say("One byte of one blob is flipped, on the way:")
    cast.installer("verify", f"../usb/{_flipped(cast, 'blob', at=0.5)}", expect=21)
    cast.stage.say("")
    cast.stage.say("One byte of the signed release is flipped:")
    cast.installer("load", f"../usb/{_flipped(cast, 'release', at=0.0003)}", expect=None)
    cast.stage.say("")
    cast.stage.say("A vendor's clerk takes one of the two signatures out, and builds anew:")
    cast.installer("load", f"../usb/{_under_signed(cast)}", expect=23)
    cast.stage.say("")
    cast.stage.say("A bundle for another customer of the same vendor, well signed:")
    cast.installer("load", f"../usb/{_for_another(cast)}", expect=25)
    for file in cast.stick.glob("*.tar.zst"):
        if file.name != BUNDLE:
            file.unlink()
    same = _registry_files(cast) == before
    cast.stage.say(f"The customer's registry is {'untouched' if same else 'CHANGED'}.")
    cast.stage.did("attacks refused", 0, "4 of 4, registry untouched" if same else "CHANGED")


def _flipped(cast: Cast, what: str, *, at: float) -> str:
    """A copy of the bundle with one byte changed, `at` this part of its length."""
    damaged = cast.stick / f"flipped-{what}.tar.zst"
    data = bytearray((cast.stick / BUNDLE).read_bytes())
    data[int(len(data) * at)] ^= 1
    damaged.write_bytes(data)
    return damaged.name


def _registry_files(cast: Cast) -> list[str]:
    folder = cast.customer.folder / "registry"
    return sorted(
        str(path) for path in folder.rglob("*") if path.is_file() and path.suffix != ".log"
    )


def _under_signed(cast: Cast) -> str:
    """A bundle with one signature less, made with the project's own writer."""
    out = cast.stick / "one-signature-less.tar.zst"
    without_last_signature(cast.stick / BUNDLE, out)
    return out.name


def _for_another(cast: Cast) -> str:
    """The same product, released for another customer from a folder of its own."""
    folder = cast.stage.folder / "vendor-other"
    make_shop(folder, cast.registry, customers=["globex"], recipients=recipients(cast))
    shutil.copytree(cast.vendor.folder / "roots", folder / "roots")
    other = cast.stage.actor(folder, **cast.vendor.environment)
    out = Path("../usb/for-globex.tar.zst")
    other.run("airferry-bundler", "lock", quiet=True)
    other.run("airferry-bundler", "build", "--keys", "../vendor/keys", "-o", str(out), quiet=True)
    return out.name
