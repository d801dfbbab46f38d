"""`bundlekit verify FILE`: every check that needs no framework, and `--probe`, which does."""

from __future__ import annotations

import os

import click


@click.command("verify")
@click.argument("file", type=click.Path())
@click.option("--deep", is_flag=True, help="Compare the tensor index with the members, too.")
@click.option("--probe", is_flag=True, help="Restore it, and let it repeat the stored prediction.")
@click.option("--trust", multiple=True, metavar="NAME", help="May be imported to restore it.")
@click.option("--trust-code", is_flag=True, help="Run code that it carries to restore it.")
def command(
    file: str, *, deep: bool, probe: bool, trust: tuple[str, ...], trust_code: bool
) -> None:
    """Check FILE: layout, manifest, all digests, and what restoring it would take."""
    import bundlekit
    from bundlekit.card import quantity
    from bundlekit.cli.bar import bar
    from bundlekit.cli.table import show

    if not probe and (trust or trust_code):
        raise click.UsageError("--trust and --trust-code are to restore FILE; give --probe too")
    if probe:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    allowed = bundlekit.Trust(imports=trust, code=trust_code) if probe else None
    with bar("verifying") as progress:
        checked = bundlekit.verify(file, deep=deep, probe=probe, trust=allowed, progress=progress)
    rows = [
        ("sound", f"{len(checked.manifest.members)} members, {quantity(checked.size)}"),
        ("digest", checked.digest),
    ]
    if checked.needs:
        needs = (need.summary() for need in checked.needs)
        rows.append(("takes", "\n".join(needs)))
    if checked.unaudited:
        rows.append(("not audited", f"no adapter here for {', '.join(checked.unaudited)}"))
    if deep:
        by = ", ".join(checked.compared)
        rows.append(("deep", f"index and members agree, by {by}" if by else "nothing to compare"))
    if checked.probe:
        found = checked.probe
        rows.append(
            (
                "probe",
                f"largest difference {found.difference:.3g}, in {found.output!r} of "
                f"{found.outputs} outputs; tolerance {found.tolerance:.3g}",
            )
        )
    show(rows)
