"""The application that every command file registers with."""

from airferry_foundation.console.commands import application

app = application(
    "airferry-bundler",
    "Pack a product's images, charts and manifests into one signed file; take telemetry in.",
)


@app.callback()
def options() -> None:
    """Pack a product's images, charts and manifests into one signed file; take telemetry in.

    The usual way: init and keys once; then for each release lock, release, sign (each holder),
    build. Every command has --output json and its own --help.
    """
