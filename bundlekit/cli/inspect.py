"""`bundlekit inspect FILE`: the card of a bundle, without any framework."""

from __future__ import annotations

import sys

import click


@click.command("inspect")
@click.argument("file", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as stored, one line.")
def command(file: str, *, as_json: bool) -> None:
    """Show what FILE says about itself: adapter, type, signature, members, environment."""
    from bundlekit.artifact import Artifact
    from bundlekit.source import opened

    with opened(file) as source:
        artifact = Artifact(source)
        size = source.size
    if as_json:
        sys.stdout.buffer.write(artifact.manifest.encode() + b"\n")
        return
    from bundlekit import card
    from bundlekit.cli.table import show

    show(card.rows(artifact.manifest, artifact.digest, size))
