"""The attack that needs a tool: a bundle with one signature taken out, well formed otherwise."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from airferry_archive.reader import BundleReader
from airferry_archive.writer import BundleWriter


def without_last_signature(source: Path, out: Path) -> None:
    """Copy a bundle, leaving its last signature out."""
    with BundleReader.open(source) as reader:
        reader.bind(reader.release())
        fewer = dataclasses.replace(reader.header, signatures=reader.header.signatures[:-1])
        with BundleWriter.open(out, fewer) as writer:
            for blob in writer.missing():
                with writer.receive(blob) as sink:
                    for chunk in reader.stream(blob.digest):
                        sink.write(chunk)
            writer.finish()
