"""The how-to page on windows and the clock, run as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import msgspec

from airferry_fixtures.clocks import moved_clock
from airferry_fixtures.people import plan_of
from airferry_foundation import documents
from airferry_installer import trust
from airferry_installer.approving.windows import Calendar, Freeze, Window
from airferry_installer.state import StateFolder
from airferry_signing import sshsig

PAGE = Path(__file__).parents[3] / "docs/how-to/say-when-and-accept-a-clock.md"
SITE = """\
customer: acme
products: [shop]
registry: {push: "127.0.0.1:5000", plain_http: true}
policy: policy.json
environments: {production: {}}
"""


def run(folder: Path, script: str, environment: Mapping[str, str]) -> tuple[int, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "AIRFERRY_STATE": str(folder / "state"), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_page_can_be_followed(tmp_path: Path) -> None:
    for name in ("anna", "ben", "carl"):
        sshsig.generate(tmp_path / name)
    (tmp_path / "site.yaml").write_text(SITE)
    rules, doubt = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    code, told = run(tmp_path, rules, {})
    assert code == 0, told
    for line in (
        "mon tue wed thu from 22:00 to 04:00 the next day, Europe/Berlin",
        "not from 2026-12-20 until 2027-01-06, Europe/Berlin (end of the year)",
        "only if 45 min are left, which a change takes",
        "back-outs end 60 min after a window",
    ):
        assert told.count(line) == 2, "init and show"

    StateFolder.create(tmp_path / "state", tmp_path / "site.yaml", trust.NOTHING)
    wrong = moved_clock(tmp_path, timedelta(hours=-12))
    assert run(tmp_path, "airferry-installer clock show", wrong)[0] == 1
    codes = [run(tmp_path, line, wrong) for line in doubt.splitlines()]
    assert [code for code, _ in codes] == [1, 0, 0, 0]
    assert "waits for 2 people" in codes[0][1]
    assert "this machine's clock says" in codes[1][1]
    assert "the battery was empty" in codes[1][1]
    code, told = run(tmp_path, "airferry-installer clock show", wrong)
    assert code == 0, told
    assert "production: " in told


def test_without_a_policy_one_person_decides(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE.replace("policy.json", "none"))
    state = StateFolder.create(tmp_path / "state", tmp_path / "site.yaml", trust.NOTHING)
    wrong = moved_clock(tmp_path, timedelta(days=-40))
    code, told = run(tmp_path, "airferry-installer clock show", wrong)
    assert code == 1
    assert "only claimed" in told
    assert "production: at any time" in told
    code, told = run(tmp_path, "airferry-installer clock accept", wrong)
    assert code == 2
    assert "--yes" in told
    code, told = run(tmp_path, "airferry-installer clock accept --yes", wrong)
    assert code == 0, told
    assert [e.event for e in state.journal.entries()][-2:] == ["answered", "clock accepted"]
    assert run(tmp_path, "airferry-installer clock show", wrong)[0] == 0
    assert run(tmp_path, "airferry-installer history --verify", wrong)[0] == 0


def test_who_approves_sees_the_windows(tmp_path: Path) -> None:
    """Made from plan.json alone, by the clock of their own machine."""
    window = {"days": ["mon"], "from": "22:00", "to": "04:00", "zone": "Europe/Berlin"}
    freeze = {"from": "2020-01-01", "until": "2099-12-30", "zone": "Europe/Berlin"}
    calendar = Calendar(
        windows=(msgspec.convert(window, Window),), freezes=(msgspec.convert(freeze, Freeze),)
    )
    plan = msgspec.structs.replace(plan_of(), calendar=calendar)
    (tmp_path / "plan.json").write_bytes(documents.encode(plan))
    sshsig.generate(tmp_path / "anna")
    approve = "airferry-installer approve plan.json --key anna -o a.json --yes"
    code, told = run(tmp_path, approve, {})
    assert code == 0, told
    assert "when: mon from 22:00 to 04:00 the next day, Europe/Berlin" in told
    assert "by this machine's clock: closed now" in told
    assert "the next window opens Mon 2100-01-04 22:00 Europe/Berlin" in told

    wrong = msgspec.structs.replace(calendar, freezes=(msgspec.convert(
        {**freeze, "until": "2099-02-31"}, Freeze),))  # fmt: skip
    plan = msgspec.structs.replace(plan, calendar=wrong)
    (tmp_path / "plan.json").write_bytes(documents.encode(plan))
    code, told = run(tmp_path, approve.replace("a.json", "b.json"), {})
    assert code == 12
    assert "is no date" in told
