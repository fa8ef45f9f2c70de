"""One drive and several sticks: what a person sees at a terminal, and what they may do there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from airferry_archive import splitting
from airferry_fixtures.commands import command
from airferry_fixtures.customers import Customer, customer_of
from airferry_fixtures.registry_content import stored, tags
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    blob_of,
    bundle_of,
    noise,
    product_of,
)
from airferry_fixtures.small_volumes import three_sticks
from airferry_fixtures.statements import Vendor
from airferry_fixtures.terminal import Terminal

pytestmark = pytest.mark.program("registry")

VENDOR = Vendor()
PRODUCT = three_sticks()
ASKED = "Put in the medium with shop.tar.zst.00{}"


@pytest.fixture
def customer(tmp_path: Path, server: RegistryServer) -> Customer:
    return customer_of(tmp_path / "customer", server.address, VENDOR)


class Drive:
    """A drive with the first of three sticks in it; the others lie in a drawer."""

    def __init__(self, folder: Path, bundle: Path, size: int) -> None:
        self.path, self.drawer = folder / "stick", folder / "drawer"
        self.path.mkdir()
        self.drawer.mkdir()
        self.count = len(splitting.split(bundle, self.drawer, size))
        bundle.unlink()
        self.put_in(1)

    def put_in(self, number: int) -> None:
        for one in self.path.iterdir():
            shutil.move(one, self.drawer)
        shutil.move(self.drawer / f"shop.tar.zst.00{number}", self.path)


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    made = Drive(tmp_path, bundle_of(tmp_path / "shop.tar.zst", VENDOR, PRODUCT), 250_000)
    assert made.count == 3
    return made


def at_terminal(customer: Customer, *words: str | Path) -> Terminal:
    return Terminal(customer.words(*words), customer.folder, customer.variables())


def test_all_that_is_missing_is_named_before_the_start(
    customer: Customer, server: RegistryServer, drive: Drive
) -> None:
    terminal = at_terminal(customer, "load", drive.path)
    terminal.wait_for(ASKED.format(2))
    before = terminal.seen[: terminal.seen.index(ASKED.format(2))]
    assert "Not here yet: shop.tar.zst.002, shop.tar.zst.003." in before
    assert "any order will do" in before
    assert not tags(server)
    terminal.interrupt()
    assert terminal.end() == 130


@pytest.mark.parametrize("name", ["load", "verify"])
def test_sticks_in_order_are_wanted_once_each(
    customer: Customer, server: RegistryServer, drive: Drive, name: str
) -> None:
    terminal = at_terminal(customer, name, drive.path)
    for number in (2, 3):
        terminal.wait_for(f"{ASKED.format(number)}, then give its folder [{drive.path}]")
        drive.put_in(number)
        assert not tags(server)
        terminal.say("")
    assert terminal.end() == 0, terminal.seen
    assert bool(tags(server)) is (name == "load")


def test_another_stick_than_the_one_asked_for_is_used_and_not_asked_for_again(
    customer: Customer, server: RegistryServer, drive: Drive
) -> None:
    terminal = at_terminal(customer, "load", drive.path)
    terminal.wait_for(ASKED.format(2))
    sent = len(stored(server))
    drive.put_in(3)
    terminal.say("")
    terminal.wait_for(ASKED.format(2))
    assert "holds shop.tar.zst.003: what is whole in it was taken" in terminal.seen
    assert "shop.tar.zst.002 is still wanted" in terminal.seen
    assert len(stored(server)) > sent, "its blobs are in the registry already"
    drive.put_in(2)
    terminal.say("")
    assert terminal.end() == 0, terminal.seen
    assert tags(server)


def test_wrong_answers_are_told_and_asked_again(
    customer: Customer, server: RegistryServer, drive: Drive, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    terminal = at_terminal(customer, "load", drive.path)
    terminal.wait_for(ASKED.format(2))
    empty, home = tmp_path / "empty", customer.folder
    for answer, told, offered in (
        (empty, "empty holds no volume of this set", empty),
        (tmp_path / "gone", "gone does not exist", empty),
        ("~nobody-has-this-name/x", "does not exist", empty),
        ("y" * 300, "File name too long", empty),
        ("\u202eklats\u0007", "\\u202eklats", empty),
        (drive.path, "holds shop.tar.zst.001: nothing new is whole in it", drive.path),
        (customer.site, "holds no volume of this set", home),
    ):
        terminal.say(answer)
        terminal.wait_for(told)
        terminal.wait_for(f"{ASKED.format(2)}, then give its folder [{offered}]")
        assert "Traceback" not in terminal.seen
        assert not tags(server)
    terminal.interrupt()
    assert terminal.end() == 130


def test_a_damaged_stick_is_named_alone_and_the_others_are_used(
    customer: Customer, server: RegistryServer, drive: Drive
) -> None:
    third = drive.drawer / "shop.tar.zst.003"
    whole = third.read_bytes()
    third.write_bytes(whole[:20_000] + bytes(10_000) + whole[30_000:])
    terminal = at_terminal(customer, "load", drive.path)
    terminal.wait_for(ASKED.format(2))
    drive.put_in(3)
    terminal.say("")
    terminal.wait_for(ASKED.format(2))
    assert "(damaged: shop.tar.zst.003)" in terminal.seen
    drive.put_in(2)
    terminal.say("")
    terminal.wait_for(ASKED.format(3))
    third.write_bytes(whole)
    drive.put_in(3)
    terminal.say("")
    assert terminal.end() == 0, terminal.seen
    assert tags(server)


def test_ctrl_c_at_the_question_and_the_same_command_goes_on(
    customer: Customer, server: RegistryServer, drive: Drive
) -> None:
    terminal = at_terminal(customer, "load", drive.path)
    terminal.wait_for(ASKED.format(2))
    terminal.interrupt()
    assert terminal.end() == 130
    assert "Traceback" not in terminal.seen
    assert terminal.seen.rstrip().endswith("Give the same command again to go on."), "no bar below"
    sent = stored(server)
    terminal = at_terminal(customer, "load", drive.path)
    for number in (2, 3):
        terminal.wait_for(ASKED.format(number))
        assert sent <= stored(server)
        drive.put_in(number)
        terminal.say("")
    assert terminal.end() == 0, terminal.seen
    assert tags(server)


def test_joining_at_one_drive(drive: Drive, tmp_path: Path) -> None:
    words = command("airferry-bundler", "join", drive.path, "-o", tmp_path / "joined.tar.zst")
    terminal = Terminal(words, tmp_path)
    terminal.wait_for(ASKED.format(2))
    for number in (3, 2):
        drive.put_in(number)
        terminal.say("")
        if number == 3:
            terminal.wait_for(ASKED.format(2))
    assert terminal.end() == 0, terminal.seen
    again = bundle_of(tmp_path / "again", VENDOR, PRODUCT)
    assert len((tmp_path / "joined.tar.zst").read_bytes()) == again.stat().st_size


def test_a_blob_that_is_cut_is_sent_over_two_sticks(
    customer: Customer, server: RegistryServer, tmp_path: Path
) -> None:
    """The upload goes on by PATCH: no connection waits while sticks are changed."""
    blob = blob_of(noise(70 << 20), GZIP_LAYER, "docker.io/acme/web")
    product = product_of(blobs=[blob, blob_of(noise(1000), GZIP_LAYER, "docker.io/acme/web")])
    bundle = bundle_of(tmp_path / "shop.tar.zst", VENDOR, product)
    drive = Drive(tmp_path, bundle, 66 << 20)
    assert drive.count == 2
    terminal = at_terminal(customer, "load", drive.path)
    terminal.wait_for(ASKED.format(2))
    drive.put_in(2)
    terminal.say("")
    assert terminal.end() == 0, terminal.seen


_READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'


def test_media_that_are_read_only(customer: Customer, server: RegistryServer, drive: Drive) -> None:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("MISSING unshare")
    for one in drive.drawer.iterdir():
        shutil.move(one, drive.path)
    prefix = [unshare, "-rm", "bash", "-c", _READ_ONLY, "-", str(drive.path)]
    probe = [*prefix, "touch", str(drive.path / "x")]
    tried = subprocess.run(probe, check=False, capture_output=True, text=True)
    if "Read-only file system" not in tried.stderr:
        pytest.skip("this system forbids mounting in a namespace of one's own")
    for name in ("inspect", "verify", "load"):
        ran = customer.run(name, drive.path, prefix=prefix)
        assert ran.code == 0, ran.stderr
    assert tags(server)
