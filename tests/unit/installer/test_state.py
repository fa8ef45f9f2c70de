from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    InputError,
    MachineError,
    StateBusyError,
    StateMissingError,
    StateTamperedError,
)
from airferry_installer import trust
from airferry_installer.state import StateFolder
from airferry_installer.trust import LineTrust, Signed
from airferry_signing import sealing, sshsig

LINE = LineTrust(product="shop", roots=(Signed(document=b"{}"),), epoch=1, floor=3)


def alter(state: StateFolder, statement: str) -> None:
    """What somebody with sqlite3 does."""
    with closing(sqlite3.connect(state.folder / "state.db")) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_new_folder_holds_keys_that_only_its_owner_can_read(state: StateFolder) -> None:
    assert stat.S_IMODE(state.folder.stat().st_mode) == 0o700
    for name in ("instance", "site.hmac", "site.age"):
        assert stat.S_IMODE((state.folder / name).stat().st_mode) == 0o600
    assert len(state.hmac_key()) == 32


def test_the_keys_work(state: StateFolder) -> None:
    identity = state.identity()
    sealed = sealing.seal(b"data", [identity.recipient])
    assert sealing.unseal(sealed, identity.secret) == b"data"
    signature = sshsig.sign(b"message", sshsig.read_private(state.instance_key))
    assert sshsig.verify(b"message", signature, name="it") == state.keys.public()


def test_two_folders_share_no_key(tmp_path: Path, site_file: Path, state: StateFolder) -> None:
    other = StateFolder.create(tmp_path / "other", site_file, trust.NOTHING)
    assert other.hmac_key() != state.hmac_key()
    assert other.identity() != state.identity()


def test_a_folder_is_initialised_once(state: StateFolder, site_file: Path) -> None:
    before = state.hmac_key()
    with pytest.raises(InputError, match="initialised already"):
        StateFolder.create(state.folder, site_file, trust.NOTHING)
    assert state.hmac_key() == before


def test_an_init_that_was_cut_is_done_again(tmp_path: Path, site_file: Path) -> None:
    folder = tmp_path / "cut"
    folder.mkdir()
    sqlite3.connect(folder / "state.db").close()
    (folder / "state.db").touch()
    with pytest.raises(StateMissingError, match="not an initialised"):
        StateFolder.open(folder)
    assert StateFolder.create(folder, site_file, trust.NOTHING).trust() == trust.NOTHING


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        ("DELETE FROM documents", StateTamperedError),
        ("UPDATE documents SET name='other'", StateTamperedError),
        ("PRAGMA user_version = 9", MachineError),
    ],
)
def test_an_init_takes_nothing_for_empty_that_was_decided_in(
    state: StateFolder, site_file: Path, damage: str, error: type[Exception]
) -> None:
    """Else one row less, or an older Airferry, would make `init` forget the whole journal."""
    state.journal.append("something", fact=1)
    alter(state, damage)
    with pytest.raises(error):
        StateFolder.open(state.folder).trust()
    with pytest.raises((InputError, MachineError)):
        StateFolder.create(state.folder, site_file, trust.NOTHING)
    alter(state, "PRAGMA user_version = 1")
    assert [entry.event for entry in state.journal.entries()][-1] == "something"


def test_opening_nothing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StateMissingError) as caught:
        StateFolder.open(tmp_path / "none")
    assert "init" in caught.value.hint
    assert not (tmp_path / "none").exists()


def test_trust_is_remembered_and_journalled(state: StateFolder) -> None:
    learned = trust.NOTHING.with_line(LINE)
    state.remember(learned)
    state.remember(learned)
    again = StateFolder.open(state.folder)
    assert again.trust() == learned
    events = [entry.event for entry in again.journal.entries()]
    assert events == ["trust remembered", "trust remembered"]
    assert again.journal.verify() == 2


def test_the_site_is_read_where_it_lies(state: StateFolder, site_file: Path) -> None:
    assert state.site().customer == "acme"
    assert state.site_folder == site_file.parent
    site_file.unlink()
    with pytest.raises(StateMissingError, match="site file"):
        state.site()


# --- journal --------------------------------------------------------------------------------------


def _change(state: StateFolder, statement: str) -> None:
    connection = sqlite3.connect(state.folder / "state.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_the_journal_chains(state: StateFolder) -> None:
    first = state.journal.append("loaded", release="sha256:ab", blobs=3, names=["a", "b"], by=None)
    second = state.journal.append("loaded")
    assert (second.number, state.journal.entries()[1:]) == (3, (first, second))
    assert state.journal.verify() == 3


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE journal SET entry = CAST(replace(CAST(entry AS TEXT), 'two', 'too') AS BLOB)",
        "DELETE FROM journal WHERE number = 2",
        "DELETE FROM journal WHERE number = 1",
        "UPDATE journal SET number = 9 WHERE number = 2",
        "UPDATE journal SET entry = '{}' WHERE number = 3",
        "UPDATE documents SET data = CAST(data || ' ' AS BLOB) WHERE name = 'trust'",
        "DELETE FROM documents",
    ],
)
def test_a_changed_journal_is_noticed(state: StateFolder, damage: str) -> None:
    state.journal.append("two")
    state.journal.append("three")
    state.journal.append("four")
    _change(state, damage)
    with pytest.raises(StateTamperedError):
        state.journal.verify()


@pytest.mark.parametrize("value", ["5", "5.5", "'text'", "x''", "x'ff'", "'{}'", "x'00'"])
@pytest.mark.parametrize("column", ["journal SET entry", "documents SET data"])
def test_a_column_that_holds_something_else_is_noticed(
    state: StateFolder, column: str, value: str
) -> None:
    alter(state, f"UPDATE {column} = {value}")
    with pytest.raises(StateTamperedError):
        state.journal.verify()
    read = state.journal.entries if column.startswith("journal") else state.trust
    with pytest.raises(StateTamperedError):
        read()


def test_a_policy_that_was_put_in_force_by_hand_is_noticed(state: StateFolder) -> None:
    state.use_policy(digest(b"policy"), "policy accepted", version=1)
    assert state.journal.verify()
    alter(state, "UPDATE settings SET value='none' WHERE name='policy'")
    with pytest.raises(StateTamperedError, match="policy in force is not the one"):
        state.journal.verify()
    alter(state, "DELETE FROM settings WHERE name='policy'")
    with pytest.raises(StateTamperedError, match="found nothing"):
        state.journal.verify()


def test_a_damaged_database_is_named(state: StateFolder) -> None:
    for leftover in state.folder.glob("state.db-*"):
        leftover.unlink()
    (state.folder / "state.db").write_bytes(b"not a database" * 500)
    with pytest.raises(StateTamperedError, match=r"state\.db"):
        state.trust()


def test_a_transaction_that_fails_leaves_nothing(state: StateFolder) -> None:
    def set_and_fail() -> None:
        with state._database.transaction() as connection:
            connection.execute("INSERT INTO settings VALUES ('a', 'b')")
            raise KeyError

    with pytest.raises(KeyError):
        set_and_fail()
    assert state.setting("a") is None


# --- kept files and settings ----------------------------------------------------------------------


def test_kept_files_are_hashed_when_read(state: StateFolder) -> None:
    name = state.keep("rendered", b"content")
    assert name == state.keep("rendered", b"content") == digest(b"content")
    assert state.kept("rendered", name) == b"content"
    path = state.folder / "rendered" / name[7:]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"changed")
    with pytest.raises(StateTamperedError, match="other bytes"):
        state.kept("rendered", name)


def test_what_was_not_kept_is_missing(state: StateFolder) -> None:
    with pytest.raises(StateMissingError, match="no plan sha256:"):
        state.kept("plan", digest(b""))
    with pytest.raises(InputError):
        state.kept("plan", "../../etc/passwd")
    with pytest.raises(InputError):
        state.keep("../plan", b"")


def test_settings(state: StateFolder) -> None:
    assert state.setting("telemetry.health") is None
    state.set("telemetry.health", "on")
    state.set("telemetry.health", "off")
    assert StateFolder.open(state.folder).setting("telemetry.health") == "off"


# --- two processes --------------------------------------------------------------------------------


def test_a_second_process_is_told_to_wait(state: StateFolder) -> None:
    program = (
        "import sys; from pathlib import Path; from airferry_installer.state import StateFolder\n"
        "with StateFolder.open(Path(sys.argv[1])).exclusive():\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(state.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(StateBusyError, match="another airferry process"), state.exclusive():
            pass
        assert state.trust() == trust.NOTHING  # reading is always possible
        child.communicate()
    with state.exclusive(), state.exclusive():  # within one process it may be entered again
        state.set("a", "b")


def test_the_lock_is_free_after_an_error(state: StateFolder) -> None:
    with pytest.raises(KeyError), state.exclusive():
        raise KeyError
    with state.exclusive():
        pass


def test_many_appends_at_once_make_one_chain(state: StateFolder) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: state.journal.append("event", n=n), range(40)))
    assert state.journal.verify() == 41
