"""The table at the end, and where to look."""

from __future__ import annotations

from airferry_demo.stage import Stage


def summary(stage: Stage, seconds: float) -> None:
    """What was done, how long it took, and what lies in .demo/."""
    stage.act("What was done")
    width = max(len(deed.what) for deed in stage.deeds)
    for deed in stage.deeds:
        took = f"{deed.seconds:7.2f} s" if deed.seconds else " " * 9
        print(f"  {deed.what:{width}}  {took}  {deed.result}".rstrip())
    print(f"\n  All of it: {seconds:.0f} s. Look around in {stage.folder.name}/:")
    for path, what in (
        ("vendor/*.tar.zst", "the bundles: tar --zstd -tf opens them"),
        ("vendor/keys/*.pub", "the vendor's public keys"),
        ("usb/", "what travelled, both ways"),
        ("customer/plan-2.html", "the plan that a change board reads"),
        ("customer/state/", "the installer's state folder"),
        ("vendor/fleet/", "what the vendor knows of its customers"),
    ):
        print(f"    {path:22} {what}")
