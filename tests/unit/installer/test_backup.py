"""Backups: consistent while others write, compared to the byte, never in place half."""

from __future__ import annotations

import io
import subprocess
import tarfile
import threading
from pathlib import Path

import msgspec
import pytest

from airferry_fixtures.customers import Customer, customer_of
from airferry_fixtures.statements import Vendor
from airferry_foundation import documents, files
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    AirferryError,
    InputError,
    StateBusyError,
    StateTamperedError,
    TrustError,
)
from airferry_installer import backup
from airferry_installer.monitoring import streams
from airferry_installer.monitoring.streams import Stream
from airferry_installer.state import StateFolder
from airferry_signing import sealing


@pytest.fixture
def customer(tmp_path: Path) -> Customer:
    made = customer_of(tmp_path / "customer", "127.0.0.1:5000", Vendor())
    made.state.keep("plan", b"a plan")
    return made


def everything(state: StateFolder) -> tuple[object, ...]:
    keys = (state.hmac_key(), state.identity(), state.instance_key.read_bytes())
    return (state.trust(), state.site_path, state.kept("plan", PLAN), *keys)


PLAN = digest(b"a plan")


def test_what_is_restored_is_what_was_backed_up(customer: Customer, tmp_path: Path) -> None:
    made = backup.make(customer.state, tmp_path / "b")
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    done = backup.restore(tmp_path / "elsewhere", tmp_path / "b", identity=None, replace=False)
    restored = StateFolder.open(tmp_path / "elsewhere")
    assert everything(restored) == everything(customer.state)
    assert done.aside is None
    assert [entry.event for entry in customer.state.journal.entries()][-1] == "backed up"
    last = restored.journal.entries()[-1]
    assert (last.event, last.facts["head"], last.previous) == ("restored", made.head, made.head)
    assert restored.journal.verify() == made.entries + 1
    folder = tmp_path / "elsewhere"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "site.age").stat().st_mode & 0o777 == 0o600


def test_a_present_state_goes_aside_and_only_when_that_is_meant(
    customer: Customer, tmp_path: Path
) -> None:
    backup.make(customer.state, tmp_path / "b")
    folder = customer.state.folder
    customer.state.set("later", "yes")
    with pytest.raises(InputError, match="initialised") as refused:
        backup.restore(folder, tmp_path / "b", identity=None, replace=False)
    assert "--replace" in refused.value.hint
    assert customer.state.setting("later") == "yes"
    done = backup.restore(folder, tmp_path / "b", identity=None, replace=True)
    assert customer.state.setting("later") is None
    assert done.aside is not None
    assert StateFolder.open(done.aside).setting("later") == "yes"
    replaced = customer.state.journal.entries()[-1].facts["replaced"]
    assert replaced == StateFolder.open(done.aside).journal.head()


def test_a_sealed_backup_opens_for_its_reader_alone(customer: Customer, tmp_path: Path) -> None:
    reader, other = sealing.new_identity(), sealing.new_identity()
    backup.make(customer.state, tmp_path / "b", [reader.recipient])
    assert customer.state.hmac_key() not in (tmp_path / "b").read_bytes()
    for name, identity in (("right", reader), ("wrong", other)):
        (tmp_path / name).write_bytes(sealing.identity_file(identity))
    to = tmp_path / "elsewhere"
    with pytest.raises(InputError, match="sealed"):
        backup.restore(to, tmp_path / "b", identity=None, replace=False)
    with pytest.raises(TrustError, match="can't be opened"):
        backup.restore(to, tmp_path / "b", identity=tmp_path / "wrong", replace=False)
    backup.restore(to, tmp_path / "b", identity=tmp_path / "right", replace=False)
    assert everything(StateFolder.open(to)) == everything(customer.state)


def test_no_changed_backup_is_put_in_place(customer: Customer, tmp_path: Path) -> None:
    backup.make(customer.state, tmp_path / "b")
    good = (tmp_path / "b").read_bytes()
    with tarfile.open(tmp_path / "b") as archive:
        content = {member.offset_data: member.size for member in archive}
    places = [at + step for at, size in content.items() for step in (0, size // 2, size - 1)]
    for place in places:
        changed = bytearray(good)
        changed[place] ^= 1
        (tmp_path / "c").write_bytes(changed)
        with pytest.raises(AirferryError):
            backup.restore(tmp_path / "to", tmp_path / "c", identity=None, replace=False)
        assert not (tmp_path / "to").exists()
    assert not (tmp_path / "to.restoring").exists(), "no key is left behind"
    for length in (0, 100, len(good) // 2, len(good) - 20_000):
        (tmp_path / "c").write_bytes(good[:length])
        with pytest.raises(AirferryError):
            backup.restore(tmp_path / "to", tmp_path / "c", identity=None, replace=False)


@pytest.mark.parametrize("name", ["../outside", "/etc/x", "state.db", "plan/../x", "bin/sh"])
def test_names_that_escape_are_refused(customer: Customer, tmp_path: Path, name: str) -> None:
    made = backup.make(customer.state, tmp_path / "b")
    listed = {**made.files, name: PLAN}
    forged = documents.encode({**msgspec.to_builtins(made), "files": listed})
    with tarfile.open(tmp_path / "c", "w") as archive:
        for member, data in ((backup.LIST, forged), (name, b"a plan")):
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    with pytest.raises((StateTamperedError, InputError)):
        backup.restore(tmp_path / "to", tmp_path / "c", identity=None, replace=False)
    assert not (tmp_path / "outside").exists()


def test_links_are_refused(customer: Customer, tmp_path: Path) -> None:
    backup.make(customer.state, tmp_path / "b")
    with tarfile.open(tmp_path / "c", "w") as archive:
        entry = tarfile.TarInfo(backup.LIST)
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    with pytest.raises(InputError, match="no plain file"):
        backup.restore(tmp_path / "to", tmp_path / "c", identity=None, replace=False)


def test_a_backup_while_another_process_decides_says_so(customer: Customer, tmp_path: Path) -> None:
    with files.exclusive(customer.state.folder / "lock", what="it"):
        done = customer.run("backup", "-o", tmp_path / "b")
    assert done.code == StateBusyError.exit_code
    assert "in use by another airferry process" in done.stderr
    assert not (tmp_path / "b").exists()


def test_a_backup_is_consistent_while_the_journal_grows(customer: Customer, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        journal = StateFolder.open(customer.state.folder).journal
        while not stop.is_set():
            journal.append("noise", text="x" * 2000)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            made = backup.make(customer.state, tmp_path / f"b{number}")
            to = tmp_path / f"to{number}"
            backup.restore(to, tmp_path / f"b{number}", identity=None, replace=False)
            assert StateFolder.open(to).journal.verify() == made.entries + 1
    finally:
        stop.set()
        writer.join()


def test_streams_begin_anew(customer: Customer, tmp_path: Path) -> None:
    before = Stream(
        schema="airferry.stream/v1", environment="staging", cluster="c", lineage="0" * 32,
        epoch=1, seq=7, previous=PLAN,
    )  # fmt: skip
    streams.write(customer.state, before)
    backup.make(customer.state, tmp_path / "b")
    done = backup.restore(tmp_path / "to", tmp_path / "b", identity=None, replace=False)
    after = streams.read(done.state, "staging")
    assert after is not None
    assert (after.lineage, after.epoch, after.seq, after.previous) == ("0" * 32, 2, 0, None)


def test_the_command_warns_asks_and_journals_the_answer(customer: Customer, tmp_path: Path) -> None:
    assert customer.run("backup", "-o", tmp_path / "b").code == 0
    asked = customer.run("restore", tmp_path / "b", "--replace")
    assert (asked.code, "--yes" in asked.stderr) == (2, True)
    done = customer.run("restore", tmp_path / "b", "--replace", "--yes")
    assert done.code == 0, done.stderr
    assert "forgotten here" in done.stdout
    events = {entry.event: entry.facts for entry in customer.state.journal.entries()}
    assert events["answered"]["by"] == "--yes"
    assert customer.run("history", "--verify").code == 0


def test_stock_tar_opens_it(customer: Customer, tmp_path: Path) -> None:
    backup.make(customer.state, tmp_path / "b")
    listed = subprocess.run(  # any tar will do
        ["/usr/bin/env", "tar", "-tf", tmp_path / "b"], capture_output=True, check=True
    )
    assert listed.stdout.split()[0] == b"backup.json"
