"""Single flipped bytes and cuts by the program's own way in: a seeded sample of places.

`tests/attacks/archive` tries every byte of small files against the reader. Here it is `verify` as
the command line runs it (in this process, to be fast), over header, raw and compressed part, tail.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from unittest import mock

import pytest

from airferry_archive import splitting
from airferry_archive.layout import END
from airferry_archive.reader import BundleReader
from airferry_archive.volume_set import read_volume
from airferry_fixtures.customers import Customer, customer_of
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    TAR_LAYER,
    blob_of,
    bundle_of,
    image_of,
    noise,
    product_of,
)
from airferry_fixtures.statements import Vendor, channel_of
from airferry_foundation.positioned import reading
from airferry_installer import cli

pytestmark = [pytest.mark.program("cosign"), pytest.mark.usefixtures("keep_signals")]

VENDOR = Vendor()
PRODUCT = product_of(
    images=[image_of(layers=[noise(90_000, n) for n in range(2)])],
    blobs=[
        blob_of(noise(90_000, "raw"), GZIP_LAYER),
        *(blob_of(noise(80_000, n), TAR_LAYER) for n in ("d", "e", "f")),
    ],
)
REFUSED = {12, 20, 21, 22, 23, 24, 25, 26, 52}
EACH = 6
"""Places in each part of a file."""


class Verifier:
    """`airferry-installer verify` by its own way in."""

    def __init__(self, customer: Customer, capsys: pytest.CaptureFixture[str]) -> None:
        self._state = customer.folder / "state"
        self._capsys = capsys

    def code(self, path: Path) -> tuple[int, str]:
        words = ["airferry-installer", "--state", str(self._state), "verify", str(path)]
        with mock.patch.object(sys, "argv", words), pytest.raises(SystemExit) as left:
            cli.main()
        said = self._capsys.readouterr().err
        return left.value.code if isinstance(left.value.code, int) else 0, said

    def accepts(self, path: Path) -> None:
        assert self.code(path)[0] == 0

    def refuses(self, path: Path, what: object) -> None:
        code, said = self.code(path)
        assert code in REFUSED, (what, code, said)
        assert "error:" in said, what
        assert "Traceback" not in said, what


@pytest.fixture
def verifier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verifier:
    return Verifier(customer_of(tmp_path / "customer", "127.0.0.1:1", VENDOR), capsys)


def places(seed: str, *bounds: int) -> Iterator[int]:
    """Some places between each two bounds, the same in every run."""
    dice = random.Random(seed)  # noqa: S311 - a sample, not a secret
    for start, end in pairwise(bounds):
        yield from sorted(dice.sample(range(start, end), min(EACH, end - start)))


def parts_of(bundle: Path) -> tuple[int, int, int, int, int]:
    """Where header, raw blobs, compressed blobs and end begin, and where the file ends."""
    with BundleReader.open(bundle) as reader:
        layout = reader.bind(reader.release())
        size = bundle.stat().st_size
        return 0, layout.blobs_start, layout.compressed_start, size - len(END), size


def try_flips(verifier: Verifier, given: Path, changed: Path, *bounds: int) -> None:
    whole = changed.read_bytes()
    for at in places(f"flips {changed.name}", *bounds):
        data = bytearray(whole)
        data[at] ^= 1 << at % 8
        changed.write_bytes(data)
        verifier.refuses(given, f"{changed.name}: byte {at}")
    changed.write_bytes(whole)
    verifier.accepts(given)


def try_cuts(verifier: Verifier, given: Path, changed: Path, *bounds: int) -> None:
    whole = changed.read_bytes()
    for size in places(f"cuts {changed.name}", *bounds):
        changed.write_bytes(whole[:size])
        verifier.refuses(given, f"{changed.name}: cut to {size}")
    changed.write_bytes(whole)
    verifier.accepts(given)


def test_flips_and_cuts_of_a_bundle(verifier: Verifier, tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path / "shop.tar.zst", VENDOR, PRODUCT, channel=channel_of())
    bounds = parts_of(bundle)
    assert all(start < end for start, end in pairwise(bounds))
    try_flips(verifier, bundle, bundle, *bounds)
    try_cuts(verifier, bundle, bundle, *bounds)


def test_flips_and_cuts_of_a_delta(verifier: Verifier, tmp_path: Path) -> None:
    contents = PRODUCT.contents
    carried = sorted(contents, key=lambda one: len(contents[one]))[-4:]
    delta = bundle_of(tmp_path / "delta.tar.zst", VENDOR, PRODUCT, carried=carried)
    bounds = parts_of(delta)
    try_flips(verifier, delta, delta, *bounds)
    try_cuts(verifier, delta, delta, *bounds)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_flips_and_cuts_of_a_volume(verifier: Verifier, tmp_path: Path, number: int) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    bundle = bundle_of(tmp_path / "shop.tar.zst", VENDOR, PRODUCT)
    made = splitting.split(bundle, folder, 250_000)
    assert len(made) == 3
    path = made[number - 1].path
    with reading(path) as file:
        trailer = read_volume(file).length
    bounds = (0, trailer // 3, 2 * trailer // 3, trailer, path.stat().st_size)
    try_flips(verifier, folder, path, *bounds)
    try_cuts(verifier, folder, path, *bounds)
