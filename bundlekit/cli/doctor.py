"""`bundlekit doctor FILE`: what this environment lacks to restore a bundle."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit.diagnosis import Diagnosis
    from bundlekit.environment import Component


@click.command("doctor")
@click.argument("file", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON, one line.")
def command(file: str, *, as_json: bool) -> None:
    """Tell what restoring FILE takes that is not here, and the line that installs it.

    FILE is a bundle, or what others wrote and `convert` takes. Nothing is built or imported. Exit
    code 0: it can be restored here, with the trust that is listed.
    """
    from bundlekit.adoption import adopt, is_bundle
    from bundlekit.artifact import Artifact
    from bundlekit.cli.table import show
    from bundlekit.diagnosis import diagnose
    from bundlekit.foreign import Foreign
    from bundlekit.source import opened

    with opened(file if is_bundle(Foreign(file)) else bytes(adopt(file))) as source:
        found = diagnose(Artifact(source))
    if as_json:
        click.echo(_json(found))
    else:
        show(_rows(found))
    sys.exit(0 if found.is_restorable else 1)


def _rows(found: Diagnosis) -> Iterator[tuple[str, str]]:
    header = ("", "recorded", "here", "grade", "")
    cells = [header, *((one.name, *_cells(one)) for one in found.components)]
    widths = [max(len(row[column]) for row in cells) for column in range(1, 4)]
    for name, *row, advice in cells:
        padded = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        yield name, "  ".join([*padded, advice]).rstrip()
    if found.faults:
        yield "adapters", "\n".join(found.faults)
    if found.needs:
        yield "needs", "\n".join(f"{one.need.describe()}: {one.reason}" for one in found.needs)
    if found.trust:
        yield "to allow", "\nor ".join(found.trust)
    if found.custom_objects:
        given = ", ".join(f'"{name}": …' for name in found.custom_objects)
        yield "to give", f"custom_objects={{{given}}}"
    if found.install or found.is_restorable:
        yield "to install", found.install or "nothing is missing"
    yield "verdict", "can be restored here" if found.is_restorable else "cannot be restored here"


def _cells(one: Component) -> tuple[str, str, str, str]:
    return one.recorded or "-", one.here or "-", str(one.grade), _advice(one)


def _advice(one: Component) -> str:
    from bundlekit.environment import Grade
    from bundlekit.here import BACKEND

    if one.is_lacking:
        return f"{one.oldest} or later is needed" if one.is_too_old else "needed, not installed"
    if one.name in (BACKEND, "platform"):
        return "" if one.grade is Grade.SAME else "may be another"
    if not one.needed:
        return "not needed here"
    if one.name == "python":
        return "" if one.grade is Grade.SAME else "matters to code by value only"
    if one.is_older:
        return "what is new in the writer's is not known here"
    return "newer than the writer's by a major" if one.grade is Grade.OTHER_MAJOR else ""


def _json(found: Diagnosis) -> str:
    import json

    return json.dumps(
        {
            "restorable": found.is_restorable,
            "components": [
                {
                    "name": one.name,
                    "recorded": one.recorded,
                    "here": one.here,
                    "grade": one.grade,
                    "needed": one.needed,
                }
                for one in found.components
            ],
            "adapters": found.faults,
            "needs": [{"name": one.need.name, "reason": one.reason} for one in found.needs],
            "trust": found.trust,
            "custom_objects": found.custom_objects,
            "install": found.install,
        }
    )
