"""`bundlekit adapters`: what can be bundled in this environment, and by whom."""

from __future__ import annotations

import sys
import warnings

import click


@click.command("adapters")
def command() -> None:
    """List the installed adapters, their distributions and the types they take."""
    from bundlekit._registry import Broken, installed
    from bundlekit.cli.table import show

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the faults are listed below
        registry = installed()
    rows = []
    for record in registry.records:
        origin = f"{record.distribution} {record.distribution_version}"
        if isinstance(record, Broken):
            rows.append((record.name, f"{origin}\ncannot be used: {record.fault}"))
        else:
            types = ", ".join(record.adapter.types)
            default = "by default" if record.adapter.default else "when named"
            if isinstance(record.adapter.default, tuple):
                default = f"by default for {', '.join(record.adapter.default)}"
            rows.append((record.name, f"{origin}\ntakes {types}, {default}"))
    show(rows)
    names = [record.name for record in registry.records]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        click.echo(f"bundlekit: claimed by two distributions: {', '.join(twice)}", err=True)
    if twice or any(isinstance(record, Broken) for record in registry.records):
        sys.exit(1)
