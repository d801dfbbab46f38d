"""`bundlekit verify FILE`: every check that needs no framework."""

from __future__ import annotations

import click


@click.command("verify")
@click.argument("file", type=click.Path())
def command(file: str) -> None:
    """Check FILE: layout, manifest, all digests, and what restoring it would take."""
    import bundlekit
    from bundlekit.card import quantity
    from bundlekit.cli.table import show

    checked = bundlekit.verify(file)
    rows = [
        ("sound", f"{len(checked.manifest.members)} members, {quantity(checked.size)}"),
        ("digest", checked.digest),
    ]
    if checked.needs:
        needs = (need.summary() for need in checked.needs)
        rows.append(("takes", "\n".join(needs)))
    if checked.unaudited:
        rows.append(("not audited", f"no adapter here for {', '.join(checked.unaudited)}"))
    show(rows)
