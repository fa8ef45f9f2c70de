"""airferry-bundler keys: generate, root init, root add, root show; key_rotation has the rest."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airferry_bundler.cli.app import app
from airferry_foundation.console.commands import application
from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_foundation.errors import InputError

if TYPE_CHECKING:
    from airferry_bundler.vendor_roots import Change

keys = application("keys", "Make the vendor's keys, and the roots that list them.")
root = application("root", "Make roots: which keys may sign what, and how many must.")
keys.add_typer(root, name="root")
app.add_typer(keys, name="keys")


class KeyRole(StrEnum):
    """What a key is for."""

    root = "root"
    release = "release"
    channel = "channel"
    ack = "ack"
    telemetry = "telemetry"


RootsOption = Annotated[Path, typer.Option("--roots", help="The folder of roots.")]
KeyOption = Annotated[
    list[str],
    typer.Option("--key", metavar="ROLE=FILE.pub", help="A public key (or reference) for a role."),
]
ThresholdOption = Annotated[
    list[str],
    typer.Option("--threshold", metavar="ROLE=N", help="How many keys of a role must sign."),
]


@keys.command("generate")
def generate(
    role: Annotated[KeyRole, typer.Option(help="What the key is for.")],
    folder: Annotated[Path, typer.Option("-o", help="The folder to write the pair into.")],
    name: Annotated[str, typer.Option(help="The files' name [default: the role]")] = "",
    output: OutputOption = Format.text,
) -> None:
    """Make a key pair: cosign's (ECDSA P-256) for signing, age's for reading telemetry.

    Signing keys are encrypted with COSIGN_PASSWORD, or with a passphrase that is asked for. Make
    each key where it will be used, and carry only its .pub to where roots are made.

        airferry-bundler keys generate --role release --name release-1 -o keys
    """
    from airferry_bundler import vendor_keys
    from airferry_bundler.cli.passphrase import passphrase
    from airferry_signing import cosign

    out = Output(output)
    if role is KeyRole.telemetry:
        pair = vendor_keys.generate_telemetry_key(folder, name or role.value)
    else:
        program = cosign.find()
        secret = passphrase(new=True)
        pair = vendor_keys.generate_signing_key(folder, name or role.value, secret, program)
    out.say(f"{role.value} key {pair.key_id}")
    out.say(f"  private: {pair.private}   (keep it, back it up, never send it)")
    out.say(f"  public:  {pair.public}")
    out.answer(
        {
            "role": role.value,
            "key": pair.key_id,
            "private": str(pair.private),
            "public": str(pair.public),
        }
    )


@root.command("init")
def init(
    product: Annotated[str, typer.Option(help="The product line that the root is for.")],
    key: KeyOption,
    threshold: ThresholdOption = [],  # noqa: B006 - typer reads it, nothing changes it
    epoch: Annotated[
        int, typer.Option(min=1, help="More than 1 only where root keys were lost: see below.")
    ] = 1,
    folder: RootsOption = Path("roots"),
    output: OutputOption = Format.text,
) -> None:
    r"""Make root 1: the keys of the roles root, release, channel and ack, and their thresholds.

    A role without --threshold needs one signature. The root then has to be signed by its own root
    keys, and customers pin its fingerprint, told to them in person or by telephone.

        airferry-bundler keys root init --product shop --key root=keys/root.pub \
          --key release=keys/release-1.pub --key release=keys/release-2.pub \
          --threshold release=2 --key channel=keys/channel.pub --key ack=keys/ack.pub

    When so many root keys are lost that no root can follow, begin a new chain with --epoch one
    above the lost one's: each customer then pins it with `airferry-installer init --repin`.
    """
    from airferry_bundler import vendor_roots
    from airferry_foundation import clock

    change = _change(key, threshold)
    issued = clock.write(clock.source_date())
    made(Output(output), folder, vendor_roots.first(product, change, issued_at=issued, epoch=epoch))


@root.command("add")
def add(
    *,
    key: KeyOption = [],  # noqa: B006 - typer reads it, nothing changes it
    retire: Annotated[
        list[str], typer.Option(metavar="KEY-ID|FILE.pub", help="A key to retire; repeat it.")
    ] = [],  # noqa: B006 - as above
    threshold: ThresholdOption = [],  # noqa: B006 - as above
    accept: Annotated[
        list[str],
        typer.Option(metavar="DIGEST", help="A release.json that stays valid without new signing."),
    ] = [],  # noqa: B006 - as above
    new_epoch: Annotated[
        bool, typer.Option("--new-epoch", help="Start counters afresh, after a stolen key.")
    ] = False,
    folder: RootsOption = Path("roots"),
    output: OutputOption = Format.text,
) -> None:
    """Make the next root: add and retire keys, change thresholds, accept old releases.

    It has to be signed by enough root keys of the root before it and of itself. A release signed
    by a retired key counts no more, unless it is accepted by digest.

        airferry-bundler keys root add --key release=new.pub --retire keys/release-1.pub
    """
    from airferry_bundler import vendor_roots
    from airferry_foundation import clock

    change = _change(key, threshold, retire=retire, accept=accept, new_epoch=new_epoch)
    newest = vendor_roots.newest_of(folder)
    issued = clock.write(clock.source_date())
    made(Output(output), folder, vendor_roots.following(newest, change, issued_at=issued))


@root.command("show")
def show(folder: RootsOption = Path("roots"), output: OutputOption = Format.text) -> None:
    """Show each root: fingerprint, thresholds, keys, and what it still lacks.

    Exit code 1 when a root is not signed by enough keys.
    """
    from airferry_bundler import vendor_roots
    from airferry_signing import cosign

    out = Output(output)
    found = vendor_roots.statuses(folder, cosign=cosign.available())
    for status in found:
        out.say(f"root {status.root.number}, epoch {status.root.epoch}, {status.root.product}")
        out.say(f"  fingerprint {status.fingerprint}")
        for role, part in status.root.roles.items():
            ids = " ".join(one[7:19] for one in part.keys)
            out.say(f"  {role:8} {part.threshold} of {len(part.keys)}: {ids}")
        out.say(f"  {status.lacking or f'complete, {status.signatures} signatures'}")
    out.answer({"roots": [_facts(status) for status in found]})
    if not found or any(status.lacking for status in found):
        raise typer.Exit(1)


def _facts(status: Any) -> dict[str, Any]:
    return {
        "number": status.root.number,
        "epoch": status.root.epoch,
        "product": status.root.product,
        "fingerprint": status.fingerprint,
        "signatures": status.signatures,
        "lacking": status.lacking,
        "roles": {
            role: {"threshold": part.threshold, "keys": part.keys}
            for role, part in status.root.roles.items()
        },
    }


def made(out: Output, folder: Path, data: bytes) -> None:
    """Write a new root, and say what to do with it."""
    from airferry_bundler import vendor_roots
    from airferry_foundation.digests import digest

    path = vendor_roots.write(folder, data)
    out.say(f"{path} is made; its fingerprint is")
    out.say(f"  {digest(data)}")
    out.say(f"Next: airferry-bundler sign {path} --key ROOT.key, by enough holders of root keys")
    out.answer({"root": str(path), "fingerprint": digest(data)})


def _change(
    keys_given: list[str],
    thresholds: list[str],
    *,
    retire: list[str] | None = None,
    accept: list[str] | None = None,
    new_epoch: bool = False,
) -> Change:
    from airferry_bundler import public_halves
    from airferry_bundler.vendor_roots import Change
    from airferry_foundation.digests import hex_of
    from airferry_signing.keys import PublicKey
    from airferry_signing.root_document import RoleName, role_name

    by_role: dict[RoleName, list[PublicKey]] = {}
    for role, path in (_pair(one, "--key", "ROLE=FILE.pub") for one in keys_given):
        by_role.setdefault(role_name(role), []).append(public_halves.read(path))
    counts: dict[RoleName, int] = {}
    for role, count in (_pair(one, "--threshold", "ROLE=N") for one in thresholds):
        if not count.isdecimal() or len(count) > 2:
            raise InputError(f"--threshold {role}={count}: {count!r} is not a small number")
        counts[role_name(role)] = int(count)
    for one in accept or []:
        hex_of(one)
    return Change(
        keys=by_role,
        thresholds=counts,
        retired=frozenset(public_halves.key_id(one) for one in retire or []),
        new_epoch=new_epoch,
        accepted_releases=tuple(accept or []),
    )


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    left, sign, right = text.partition("=")
    if not sign or not right:
        raise InputError(f"{option} {text!r} can't be read", f"Write it as {option} {form}.")
    return left, right
