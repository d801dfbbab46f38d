"""What to say of classes and functions that were not found: all at once, and what would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit.errors import AmbiguousCustomObject, MissingCustomObjects

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bundlekit.need import Need
    from bundlekit.trust import Trust


def missing_objects(missing: Sequence[tuple[Need, str]], trust: Trust) -> MissingCustomObjects:
    """Make the error that lists all that was not found, with why, and the lines that would do."""
    needs = list({need.identity: need for need, _ in missing}.values())
    reasons = {need.identity: reason for need, reason in missing}
    listed = "".join(
        f"\n  {need.describe()} (by {need.travels}), used at {_few(need.where)}: "
        f"{reasons[need.identity]}"
        for need in needs
    )
    named = [need for need in needs if need.kind != "lambda"]
    arguments = ", ".join(f'"{_shortest(need, needs)}": {need.class_name}' for need in named)
    allowing = trust_line(needs, trust)
    return MissingCustomObjects(
        f"the artifact is made of {len(needs)} classes or functions that are not its framework's "
        f"own and were not found:{listed}\npass custom_objects={{{arguments}}}"
        + (f"\nor, if you trust whoever wrote them, {allowing}" if allowing else ""),
        missing=tuple(needs),
        reasons=tuple(reasons[need.identity] for need in needs),
        custom_objects=tuple(_shortest(need, needs) for need in named),
        trust=tuple(dict.fromkeys(need.reference for need in needs if need.reference)),
        code=any(need.code and not need.reference for need in needs),
    )


def trust_line(needs: Iterable[Need], trust: Trust | None = None) -> str | None:
    """Write the `trust=` that would let all of these be imported and run; `None` if none would.

    What the caller trusts already stays in it.
    """
    needs = list(needs)
    names = list(trust.imports) if trust else []
    names += [need.reference for need in needs if need.reference and need.reference not in names]
    code = bool(trust and trust.code) or any(
        (need.code or need.kind == "lambda") and not need.reference for need in needs
    )
    quoted = "[" + ", ".join(f'"{name}"' for name in names) + "]"
    if code:
        return f"trust=Trust({f'imports={quoted}, ' if names else ''}code=True)"
    return f"trust={quoted}" if names else None


def ambiguous(key: str, fitting: list[Need]) -> AmbiguousCustomObject:
    """Make the error of a name that fits several needs, with names that tell them apart."""
    listed = "; ".join(f"{need.describe()}, at {', '.join(need.where)}" for need in fitting)
    exact = " and ".join(repr(_shortest(need, fitting)) for need in fitting)
    return AmbiguousCustomObject(
        f"custom_objects has {key!r}, which fits {len(fitting)} objects that are needed: "
        f"{listed}; give each under a name of its own: {exact}",
        key=key,
        needs=tuple(fitting),
    )


def _shortest(need: Need, needs: Sequence[Need]) -> str:
    """Give the plainest name under which this need, and no other one, can be given."""
    names = (need.short_name, need.name, *need.keys[1:], *need.keys)
    return next((name for name in names if need.is_told_by(name, needs)), need.keys[0])


def _few(where: Sequence[str]) -> str:
    return ", ".join(where[:5]) + (f" and {len(where) - 5} more" if len(where) > 5 else "")
