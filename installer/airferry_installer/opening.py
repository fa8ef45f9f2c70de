"""The one way in for every command that opens a bundle: header, admission, then its bytes.

Nothing of a bundle is used before `admission.admit` let it pass. What was learned (roots, channel
statement, places, floor) is remembered and journalled before anything else happens, also when the
release is refused. `inspect` judges in the same way but saves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from airferry_archive.layout import Header
from airferry_archive.reader import BundleReader
from airferry_archive.release import Release
from airferry_archive.volume_set import HERE, Media
from airferry_foundation import VERSION, clock
from airferry_foundation.errors import AirferryError
from airferry_installer import admission
from airferry_installer.admission import Context, Verdict
from airferry_installer.state import StateFolder
from airferry_signing import cosign, entitlement
from airferry_signing.signature_files import SignedDocument, read_signed


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle that was admitted: its reader is bound to the release."""

    reader: BundleReader
    release: Release
    verdict: Verdict


@contextmanager
def open_admitted(
    state: StateFolder,
    file: Path,
    *,
    environment: str | None = None,
    save: bool = True,
    media: Media = HERE,
) -> Iterator[tuple[BundleReader, Release]]:
    """Open a bundle that is admitted here; raises why it is refused."""
    with open_judged(state, file, environment=environment, save=save, media=media) as opened:
        yield opened.reader, opened.release


@contextmanager
def open_judged(
    state: StateFolder,
    file: Path,
    *,
    environment: str | None = None,
    save: bool = True,
    media: Media = HERE,
) -> Iterator[Opened]:
    """Like `open_admitted`, with the verdict; `media` is where the volumes of a set may be."""
    with BundleReader.open(file, media) as reader:
        where = context(state, environment, entitlements=entitlements_beside(file))
        verdict = judge(state, reader.header, file.name, where, save=save)
        release = verdict.admitted()
        try:
            reader.bind(release)
        except AirferryError as error:
            if save:
                journal_refusal(state, file.name, verdict.digest, error)
            raise
        yield Opened(reader, release, verdict)


def judge(
    state: StateFolder,
    header: Header,
    name: str,
    where: Context,
    *,
    save: bool = True,
) -> Verdict:
    """The verdict on a header; with `save`, what was learned is remembered and journalled.

    `name` is the file's, for the journal. Raises only what is wrong with state or site.
    """
    with state.exclusive() if save else nullcontext():
        known = state.trust()
        learned, verdict = admission.admit(header, known, where)
        if verdict.refusal is not None:
            verdict = replace(verdict, refusal=_named(verdict.refusal, name))
        if not save:
            return verdict
        state.remember(learned)
        if verdict.refusal is not None:
            journal_refusal(state, name, verdict.digest, verdict.refusal)
        elif (release := verdict.release) is not None:
            state.journal.append(
                "admitted",
                file=name,
                release=verdict.digest,
                product=release.product,
                version=release.version,
                epoch=release.epoch,
                counter=release.release_counter,
                root=verdict.root_number,
                signers=sorted(verdict.signers),
            )
        return verdict


def context(
    state: StateFolder,
    environment: str | None = None,
    *,
    entitlements: tuple[SignedDocument, ...] = (),
) -> Context:
    """Where and when: out of site.yaml, clock and journal. InputError if there is no such place."""
    site = state.site()
    if environment is not None:
        site.environment(environment)
    return Context(
        now=clock.now(),
        last=state.journal.latest(),
        customer=site.customer,
        products=site.products,
        environments=tuple(site.environments),
        platforms=site.platforms,
        environment=environment,
        installer=VERSION,
        cosign=cosign.available(),
        entitlements=entitlements,
    )


def entitlements_beside(file: Path) -> tuple[SignedDocument, ...]:
    """The entitlement that lies in the folder of a bundle, or among its volumes."""
    folder = file if file.is_dir() else file.parent
    path = folder / entitlement.FILE_NAME
    return (read_signed(path, cap=entitlement.MAX_BYTES),) if path.is_file() else ()


def _named(refusal: AirferryError, file: str) -> AirferryError:
    """The same refusal, saying which file it is about, and always what to do."""
    hint = refusal.hint or "Nothing of it was used. Copy it anew, or get another from the vendor."
    return type(refusal)(f"{file}: {refusal.message}", hint)


def journal_refusal(state: StateFolder, file: str, release: str, error: AirferryError) -> None:
    """Journal that a bundle was refused; `file` is its name, `release` its digest."""
    state.journal.append(
        "refused",
        file=file,
        release=release,
        error=type(error).__name__,
        exit_code=error.exit_code,
        message=error.message[:2000],
    )
