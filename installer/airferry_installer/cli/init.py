"""airferry-installer init."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder
from airferry_installer.cli.asking import YesOption, confirm, say_waiting


@app.command("init")
def init(
    context: typer.Context,
    *,
    vendor_root: Annotated[Path, typer.Option(help="The vendor's newest root (roots/<n>.json).")],
    fingerprint: Annotated[
        str, typer.Option(help="Its fingerprint, sha256:…, as the vendor told it on another way.")
    ],
    site: Annotated[
        Path | None,
        typer.Option(help="Your site file; without it, at a terminal, you are asked."),
    ] = None,
    repin: Annotated[
        bool,
        typer.Option("--repin", help="Trust this root in place of the chain that is trusted now."),
    ] = False,
    decision: Annotated[
        Path, typer.Option(help="--repin under a policy: the decision that people sign.")
    ] = Path("repin.json"),
    reason: Annotated[str, typer.Option(help="--repin: why, for the decision.")] = "",
    yes: YesOption = False,
    output: OutputOption = Format.text,
) -> None:
    """Make the state folder: pin the vendor's root, take up the site, make keys.

    The fingerprint is what makes the root trustworthy: get it by telephone or on paper, not from
    the stick. Tell the vendor the enrolment's fingerprint in the same way, if you want to send
    telemetry home one day. Given again, it takes up another site file or a further product.

        airferry-installer init --site site.yaml --vendor-root root.json --fingerprint sha256:…

    When the vendor has lost too many root keys, --repin trusts a new chain. Under a policy the
    first call writes a decision, the people sign it, and the second call carries it out:

        airferry-installer init --repin --vendor-root new.json --fingerprint sha256:…
        airferry-installer policy sign repin.json --key ~/.ssh/id_ed25519
    """
    from airferry_installer import initialisation

    out = Output(output)
    if repin:
        _repin(out, state_folder(context), vendor_root, fingerprint, (decision, reason, yes))
        return
    path = site or _asked(out, vendor_root)
    made = initialisation.initialise(state_folder(context), path, vendor_root, fingerprint)
    done = "was there already; it was brought up to date" if made.again else "is made"
    out.say(f"the state folder {made.state.folder} {done}", style="bold")
    out.say(f"  customer     {made.site.customer}")
    out.say(f"  site         {made.state.site_path}")
    out.say(f"  trusts       root {made.root.number} of {made.root.product}")
    out.say(f"               {made.root_fingerprint}")
    out.say(f"  enrolment    {made.enrolment}")
    out.say(f"               fingerprint {made.enrolment_fingerprint}")
    out.say("next: airferry-installer doctor")
    out.answer(
        {
            "state": str(made.state.folder),
            "site": str(made.state.site_path),
            "customer": made.site.customer,
            "product": made.root.product,
            "root": made.root.number,
            "root_fingerprint": made.root_fingerprint,
            "enrolment": str(made.enrolment),
            "enrolment_fingerprint": made.enrolment_fingerprint,
            "again": made.again,
        }
    )


def _repin(
    out: Output, folder: Path, root: Path, fingerprint: str, how: tuple[Path, str, bool]
) -> None:
    """Trust another chain, or write the decision on it."""
    from airferry_installer import initialisation, repinning
    from airferry_installer.state import StateFolder

    decision, reason, yes = how
    state = StateFolder.open(folder)
    done = repinning.repin(
        state,
        initialisation.read_pinned(root, fingerprint),
        decision=decision,
        reason=reason,
        confirm=lambda question: confirm(question, yes=yes, state=state),
    )
    if done.waiting is not None:
        out.answer({"repinned": False, **say_waiting(out, done.waiting)})
        raise typer.Exit(1)
    chain = done.line.chain
    out.say(
        f"{done.line.product} now trusts root {chain.number}, epoch {done.line.epoch}", style="bold"
    )
    out.say(f"  {chain.fingerprint}")
    out.say(f"in place of {done.was}")
    out.answer(
        {
            "repinned": True,
            "product": done.line.product,
            "root": chain.number,
            "epoch": done.line.epoch,
            "root_fingerprint": chain.fingerprint,
            "was": done.was,
            "people": done.people,
        }
    )


def _asked(out: Output, vendor_root: Path) -> Path:
    """Ask for a site at a terminal, and write it."""
    if not sys.stdin.isatty() or out.is_json:
        raise typer.BadParameter("name your site file", param_hint="--site")
    from airferry_foundation import files
    from airferry_installer import initialisation, site_template

    product = initialisation.read_root(vendor_root)[1].product
    answers = site_template.Answers(
        customer=typer.prompt("Your name, as the vendor writes it (lower case)"),
        product=product,
        push=typer.prompt("Local registry to push to", default="127.0.0.1:5000"),
        plain_http=typer.confirm("Does it speak plain HTTP?", default=False),
        pull=typer.prompt("Name that nodes pull from (empty: the same)", default=""),
        environment=typer.prompt("Name of the environment", default="production"),
        context=typer.prompt("kubectl context (empty: kubectl's default)", default=""),
    )
    path = Path(typer.prompt("Write the site file to", default="site.yaml"))
    files.write_new(path, site_template.site_text(answers).encode())
    out.say(f"{path} is written; read its comments")
    return path
