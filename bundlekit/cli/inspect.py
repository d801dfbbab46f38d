"""`bundlekit inspect FILE`: the card of a bundle, without any framework."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit.artifact import Artifact


@click.command("inspect")
@click.argument("file", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as stored, one line.")
@click.option("--source", is_flag=True, help="Print the source of code that travels by value.")
def command(file: str, *, as_json: bool, source: bool) -> None:
    """Show what FILE says about itself, and what restoring it takes from outside."""
    from bundlekit.artifact import Artifact
    from bundlekit.source import opened

    with opened(file) as opened_file:
        artifact = Artifact(opened_file)
        if as_json:
            sys.stdout.buffer.write(artifact.manifest.encode() + b"\n")
            return
        if source:
            _print_sources(artifact)
            return
        from bundlekit import card
        from bundlekit.cli.table import show

        show(card.rows(artifact.manifest, artifact.digest, opened_file.size))
        show(_needs(artifact))


def _needs(artifact: Artifact) -> Iterator[tuple[str, str]]:
    from bundlekit.missing import Missing, trust_lines
    from bundlekit.unpacking import needs_of, payload_of

    needs, unaudited = needs_of(payload_of(artifact, whole=False))
    if needs:
        yield "needs", "\n".join(need.summary() for need in needs)
        ways = (
            ["custom_objects={…}"]
            if any(need.kind not in ("lambda", "op") for need in needs)
            else []
        )
        yield "to allow", "\nor ".join([*ways, *trust_lines(Missing.all_of(needs))])
    if unaudited:
        yield "not audited", f"{', '.join(unaudited)}: no adapter here; its needs are as it says"


def _print_sources(artifact: Artifact) -> None:
    from bundlekit.errors import printable
    from bundlekit.unpacking import needs_of, payload_of, sources_of

    needs, _ = needs_of(payload_of(artifact, whole=False))
    sources = sources_of(artifact)
    for path, text in sources.items():
        click.secho(f"# {path}", bold=True)
        click.echo("\n".join(printable(line) for line in text.splitlines()) + "\n")
    shown = {path.rpartition("code/")[2].removesuffix(".py") for path in sources}
    for need in needs:
        if need.travels == "value" and need.code not in shown:
            click.echo(f"# {need.describe()}: no source was found when it was bundled")
    if not any(need.travels == "value" for need in needs):
        click.echo("no code travels in this bundle")
    else:
        click.echo("# What runs, if you trust it, is code/objects.pickle; this text is beside it.")
