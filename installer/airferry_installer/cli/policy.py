"""airferry-installer policy init, show, sign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app
from airferry_installer.cli.asking import KeyOption, private_key

if TYPE_CHECKING:
    from airferry_installer.approving.policy import Policy
    from airferry_installer.clock_acceptance import Decision as ClockDecision

commands = typer.Typer(
    no_args_is_help=True, help="Who may let a plan be applied: policy.json.", rich_markup_mode=None
)
app.add_typer(commands, name="policy")

FileArgument = Annotated[Path, typer.Argument(help="The policy.")]


@commands.command("init")
def init(
    file: FileArgument,
    *,
    customer: Annotated[str, typer.Option(help="Your name, as in site.yaml.")],
    environment: Annotated[list[str], typer.Option("-e", "--environment", help="Repeatable.")],
    person: Annotated[
        list[str], typer.Option(help="NAME=KEY.pub[,KEY.pub][:role,role]; once for each person.")
    ],
    people: Annotated[int, typer.Option(min=1, help="How many must approve.")] = 2,
    role: Annotated[
        list[str] | None, typer.Option(help="ROLE=COUNT: so many of them in this role.")
    ] = None,
    change: Annotated[
        int, typer.Option(min=1, help="How many must sign the policy that follows.")
    ] = 2,
    ticket: Annotated[
        str | None, typer.Option(help="A pattern that tickets must fit, such as CHG-[0-9]+.")
    ] = None,
    requester_may_approve: Annotated[
        bool, typer.Option("--requester-may-approve", help="Who asks counts too.")
    ] = False,
    window: Annotated[
        list[str] | None,
        typer.Option(help="When: 'mon,tue 22:00-04:00 Europe/Berlin'. Repeatable [default: ever]"),
    ] = None,
    freeze: Annotated[
        list[str] | None,
        typer.Option(help="When not: '2026-12-20..2027-01-06 Europe/Berlin why'. Repeatable."),
    ] = None,
    expected_minutes: Annotated[
        int, typer.Option(min=0, help="A change begins only if so much of its window is left.")
    ] = 0,
    backout_grace: Annotated[
        int | None,
        typer.Option(min=0, help="Back-outs end so many minutes after a window [default: never]"),
    ] = None,
    output: OutputOption = Format.text,
) -> None:
    """Write a first policy: one rule for each environment, people with their SSH keys.

        airferry-installer policy init policy.json --customer acme -e production \\
          --person anna=anna.pub:ops --person ben=ben.pub --person carl=carl.pub --people 2 \\
          --window "mon,tue,wed,thu 22:00-04:00 Europe/Berlin"

    Name it in site.yaml (policy: policy.json). The first one is accepted as it is, and journalled;
    each later one needs signatures: see policy sign.
    """  # noqa: D301 - a backslash that a shell needs
    from airferry_foundation import documents, files
    from airferry_installer.approving import policy as policies
    from airferry_installer.approving import policy_template

    out = Output(output)
    rule = policies.Rule(
        people=people,
        roles=policy_template.counts(role or ()),
        requester_may_approve=requester_may_approve,
        ticket=ticket,
        windows=tuple(policy_template.window(text) for text in window or ()),
        freezes=tuple(policy_template.freeze(text) for text in freeze or ()),
        expected_minutes=expected_minutes,
        backout_grace=backout_grace,
    )
    policy = policies.Policy(
        schema="airferry.policy/v1",
        customer=customer,
        version=1,
        people=dict(policy_template.person(text) for text in person),
        change=change,
        environments=dict.fromkeys(environment, rule),
    )
    data = documents.encode(policy)
    policies.read(data, name="this policy")
    files.write_new(file, data)
    out.say(f"wrote {file}")
    _say(out, policy)
    out.answer({"policy": str(file), "digest": documents.digest_of(policy)})


@commands.command("show")
def show(file: FileArgument, output: OutputOption = Format.text) -> None:
    """Show a policy in words, with its digest.

    Reads the file alone and judges no signature: `history` says which policy is in force here.

        airferry-installer policy show policy.json
    """
    import msgspec

    from airferry_foundation import documents, files
    from airferry_installer.approving import policy as policies

    out = Output(output)
    policy = policies.read(files.read_capped(file, policies.MAX_BYTES), name=str(file))
    _say(out, policy)
    out.answer({"digest": documents.digest_of(policy), "policy": msgspec.to_builtins(policy)})


@commands.command("sign")
def sign(file: FileArgument, key: KeyOption, output: OutputOption = Format.text) -> None:
    """Sign a policy that is to follow, or a decision of `init --repin` or `clock accept`.

    As many people as the policy in force demands for a change sign, each with their own key; the
    signatures lie beside the file. Then a new policy takes the old one's place at the next `plan`
    or `apply`, and a decision is carried out by giving the command that wrote it again.

        airferry-installer policy sign policy.json --key ~/.ssh/id_ed25519
    """
    from airferry_foundation import files
    from airferry_foundation.errors import InputError
    from airferry_installer import clock_acceptance, repinning
    from airferry_installer.approving import acceptance
    from airferry_installer.approving import policy as policies
    from airferry_signing import sshsig

    out = Output(output)
    data = files.read_capped(file, policies.MAX_BYTES)
    if repinning.SCHEMA.encode() in data:
        decision = repinning.read(data, name=str(file))
        out.say(f"trust {decision.wanted}", style="bold")
        out.say(f"instead of {decision.trusted}, for {decision.product}: {decision.reason}")
    elif clock_acceptance.SCHEMA.encode() in data:
        _say_clock(out, clock_acceptance.read(data, name=str(file)))
    else:
        policies.read(data, name=str(file))
    private = private_key(key)
    free = [path for path in acceptance.signature_paths(file)[1:] if not path.exists()]
    if not free:
        raise InputError(f"{file} has {acceptance.MAX_SIGNATURES} signatures already")
    files.write_new(free[0], sshsig.sign(data, private))
    out.say(f"{private.public.key_id} signed {file}: wrote {free[0].name}")
    out.answer({"signature": str(free[0]), "key": private.public.key_id})


def _say_clock(out: Output, decision: ClockDecision) -> None:
    from airferry_foundation import clock
    from airferry_installer import clock_acceptance

    out.say(
        f"the clock of {decision.customer} that says {decision.accepted} is right", style="bold"
    )
    out.say(f"{decision.trusted}, which was learned, was never so: {decision.reason}")
    out.say(clock_acceptance.seen_from(decision, clock.now()))


def _say(out: Output, policy: Policy) -> None:
    from airferry_foundation import documents
    from airferry_installer.approving import windows

    out.say(f"policy of {policy.customer}, version {policy.version}", style="bold")
    out.say(f"  {documents.digest_of(policy)}")
    out.table(
        ["person", "keys", "roles"],
        [(name, len(p.keys), ", ".join(p.roles)) for name, p in policy.people.items()],
    )
    for name, rule in policy.environments.items():
        roles = "".join(f", {count} as {role}" for role, count in rule.roles.items())
        asks = "may" if rule.requester_may_approve else "may not"
        ticket = f", ticket {rule.ticket}" if rule.ticket else ""
        out.say(f"  {name}: {rule.people} people{roles}; who asks {asks} approve{ticket}")
        for line in windows.describe(rule):
            out.say(f"    {line}")
        if rule.calendar and rule.backout_grace is not None:
            out.say(f"    back-outs end {rule.backout_grace} min after a window")
    out.say(f"  a later policy must be signed by {policy.change} of them")
