"""What commands about plans share: the cluster of an environment, keys, and a yes or no."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from airferry_foundation.console.output import Output
    from airferry_installer.approving.decisions import Waiting
    from airferry_installer.cluster.client import ClusterClient
    from airferry_installer.state import StateFolder
    from airferry_signing.sshsig import SshPrivateKey

PASSPHRASE = "AIRFERRY_PASSPHRASE"  # noqa: S105 - the name of a variable

EnvironmentOption = Annotated[
    str | None, typer.Option("-e", "--environment", help="An environment of site.yaml.")
]
ProductOption = Annotated[
    str | None, typer.Option("--product", help="The product, where the site has several.")
]
KeyOption = Annotated[
    Path,
    typer.Option(
        "--key", help=f"Your private SSH key; its passphrase is asked, or taken from {PASSPHRASE}."
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Answer yes, where no terminal can.")]


@contextmanager
def connected(state: StateFolder, environment: str) -> Iterator[ClusterClient]:
    """The cluster of an environment."""
    from airferry_installer.cluster.client import connect

    site = state.site()
    with connect(site.environment(environment).kubernetes, state.site_folder) as client:
        yield client


def environment_of(state: StateFolder, environment: str | None) -> str:
    """The environment that is meant: the one named, or the only one there is."""
    known = list(state.site().environments)
    if environment is None and len(known) == 1:
        return known[0]
    if environment is None:
        raise typer.BadParameter(f"name one of {', '.join(known)}", param_hint="-e")
    state.site().environment(environment)
    return environment


def say_waiting(out: Output, waiting: Waiting) -> dict[str, str | int]:
    """Say who has to sign a decision, and what comes then; the same for scripts."""
    out.say(
        f"nothing is changed yet: {waiting.path} waits for {waiting.demanded} people", style="bold"
    )
    out.say(f"each: airferry-installer policy sign {waiting.path} --key KEY")
    out.say("then give the same command again")
    return {"decision": str(waiting.path), "demanded": waiting.demanded}


def say_ahead(
    out: Output, state: StateFolder, client: ClusterClient, environment: str, product: str
) -> None:
    """Say (and journal) that the environment knows more than this state folder, if it does."""
    from airferry_installer import ahead

    found = ahead.notice(state, client, environment, product)
    for line in found.lines() if found else ():
        out.say(line, style="bold yellow")


def private_key(path: Path) -> SshPrivateKey:
    """A person's key."""
    from airferry_signing import sshsig

    return sshsig.read_private(path, os.environ.get(PASSPHRASE))


def confirm(question: str, *, yes: bool, state: StateFolder | None = None) -> None:
    """Go on after a yes, at a terminal or by --yes; leave with 1 after a no.

    With a state folder the yes is journalled, and how it was given.
    """
    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask at", param_hint="--yes")
    if not yes and not typer.confirm(question, err=True):
        raise typer.Exit(1)
    if state is not None:
        journal_answer(state, question, yes=yes)


def journal_answer(state: StateFolder, question: str, *, yes: bool) -> None:
    """Journal a yes, and whether a person or a script gave it."""
    by = "--yes" if yes else "terminal"
    state.journal.append("answered", question=question, answer="yes", by=by)
