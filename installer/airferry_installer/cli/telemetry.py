"""airferry-installer telemetry: consent, collect, preview, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airferry_foundation.console.commands import application
from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder

if TYPE_CHECKING:
    from airferry_installer.monitoring.consent import Consent
    from airferry_installer.state import StateFolder
    from airferry_telemetry.envelope import Package

telemetry = application(
    "telemetry", "Decide what is collected and what may leave; look at it; let it go, sealed."
)
app.add_typer(telemetry, name="telemetry")

EnvironmentOption = Annotated[
    str | None,
    typer.Option("--environment", "-e", help="One environment [default: each that was applied to]"),
]


@telemetry.command("consent")
def consent(
    context: typer.Context,
    *,
    collect: Annotated[
        str | None, typer.Option(metavar="CATEGORY,…", help="Collect exactly these; '' for none.")
    ] = None,
    export: Annotated[
        str | None, typer.Option(metavar="CATEGORY,…", help="Let exactly these leave; '' for none.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Collect and export every category there is.")
    ] = False,
    none: Annotated[bool, typer.Option("--none", help="Switch everything off.")] = False,
    erase: Annotated[
        bool, typer.Option("--erase", help="Forget the samples of what is not collected.")
    ] = False,
    output: OutputOption = Format.text,
) -> None:
    """Show the switches with today's values, or set them; all are off until you set them.

    Each category has two switches: `collect` lets it be sampled for use at home, `export` lets it
    leave, sealed for the vendor. What is set is journalled.

        airferry-installer telemetry consent --collect inventory,health --export inventory
    """
    from airferry_installer.monitoring import consent as consents
    from airferry_installer.monitoring import enrolling, sampling
    from airferry_installer.state import StateFolder
    from airferry_telemetry.catalogue import STANDARD

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    before = consents.read(state)
    if everything or none or collect is not None or export is not None:
        every = STANDARD.categories if everything else ()
        wanted = before.collect if collect is None else _names(collect)
        leaving = before.export if export is None else _names(export)
        fixed = everything or none
        before = consents.change(
            state, collect=every if fixed else wanted, export=every if fixed else leaving
        )
    if erase:
        off = [m.name for m in STANDARD.metrics if m.category not in before.collect]
        sampling.spool_of(state).erase(off)
    _show_consent(out, state, before)
    path, enrolment = enrolling.ensure(state)
    out.say(f"enrolment for the vendor: {path}, fingerprint {enrolment.fingerprint}")
    out.answer(
        {
            "collect": before.collect,
            "export": before.export,
            "leaving": before.leaving,
            "withheld": before.withheld,
            "enrolment": str(path),
            "fingerprint": enrolment.fingerprint,
        }
    )


@telemetry.command("collect")
def collect(
    context: typer.Context,
    environment: EnvironmentOption = None,
    output: OutputOption = Format.text,
) -> None:
    """Sample what is switched on, into the spool at home; for a timer between two exports.

    Nothing leaves by this. With every `collect` off it does nothing.
    """
    from airferry_installer.monitoring import exporting, sampling
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    for name in exporting.environments(state, environment):
        found, _ = sampling.sample_now(state, name)
        out.say(f"{name}: {len(found.samples)} samples")
        for gap in found.gaps:
            out.say(f"  {gap.collector} failed: {gap.reason}")
        gaps = [{"collector": gap.collector, "reason": gap.reason} for gap in found.gaps]
        out.answer({"environment": name, "samples": len(found.samples), "gaps": gaps})


@telemetry.command("preview")
def preview(
    context: typer.Context,
    environment: EnvironmentOption = None,
    output: OutputOption = Format.text,
) -> None:
    """Make what `export` would let go, and show every byte of it before it is sealed.

    The next `telemetry export` seals exactly this.
    """
    from airferry_installer.monitoring import exporting
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    for name in exporting.environments(state, environment):
        package = exporting.prepare(state, name)
        out.say(f"--- {name}: export {package.digest}, {len(package.tar)} bytes", style="bold")
        for member, data in package.contents.items():
            out.say(f"--- {member}", style="bold")
            out.say(data.decode())
        out.say("--- manifest.json", style="bold")
        for field, value in _manifest(package).items():
            out.say(f"{field:16} {value}")
        out.answer(_answer(name, package) | {"contents": _texts(package)})


@telemetry.command("export")
def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("-o", help="The folder (the stick) to write into.")],
    environment: EnvironmentOption = None,
    again: Annotated[
        bool, typer.Option("--again", help="Seal the last export once more: its stick was lost.")
    ] = False,
    output: OutputOption = Format.text,
) -> None:
    """Seal what was previewed (or what is there now) into telemetry-<random>.tar.age.

    Only the key that the running release names for your region and purpose can open it, and your
    own if site.yaml names one. Stock `age -d` and `tar` open it.

        airferry-installer telemetry export -o /media/stick
    """
    from airferry_installer.monitoring import exporting
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    for name in exporting.environments(state, environment):
        let_go = exporting.again if again else exporting.release
        done = let_go(state, name, folder)
        manifest = done.package.manifest
        out.say(f"{done.path}: {name}, number {manifest.seq}, {done.path.stat().st_size} bytes")
        out.say(f"  holds {', '.join(manifest.categories.enabled)}")
        out.say(f"  opens with {', '.join(manifest.recipients)}")
        out.answer(_answer(name, done.package) | {"file": str(done.path)})


def _names(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _show_consent(out: Output, state: StateFolder, agreed: Consent) -> None:
    from airferry_installer.monitoring import installed, sampling
    from airferry_telemetry.catalogue import STANDARD

    out.table(
        ("category", "collect", "export", "what"),
        [
            (
                one,
                "on" if one in agreed.collect else "off",
                "on" if one in agreed.export else "off",
                " ".join(metric.purpose for metric in STANDARD.of(one)),
            )
            for one in STANDARD.categories
        ],
    )
    for name in state.site().environments:
        if not agreed.collect or not installed.products(state, name):
            continue
        found, _ = sampling.sample_now(state, name)
        out.say(f"today in {name}:")
        for one in found.samples:
            labels = ", ".join(f"{label}={value}" for label, value in one.labels)
            out.say(f"  {one.metric} ({labels}) {one.value:g}")
        for gap in found.gaps:
            out.say(f"  {gap.collector} failed: {gap.reason}")


def _manifest(package: Package) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(package.manifest)
    return found


def _answer(environment: str, package: Package) -> dict[str, Any]:
    return {
        "environment": environment,
        "export": package.digest,
        "seq": package.manifest.seq,
        "manifest": _manifest(package),
    }


def _texts(package: Package) -> dict[str, str]:
    return {name: data.decode() for name, data in package.contents.items()}
