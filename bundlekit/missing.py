"""What to say of classes and functions that were not found: all at once, and what would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bundlekit.errors import AmbiguousCustomObject, MissingCustomObjects, Refused
from bundlekit.need import Names, some

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bundlekit.need import Need
    from bundlekit.trust import Trust


@dataclass(frozen=True)
class Missing:
    """A need that was not found, why, and what trust could still bring it."""

    need: Need
    reason: str
    by_name: bool
    """Whether it would be imported if its name were trusted."""
    by_code: bool
    """Whether it would come out of the artifact if that code were trusted."""

    @classmethod
    def all_of(cls, needs: Iterable[Need]) -> list[Missing]:
        """Take none of the needs for found, and nothing for tried."""
        return [
            cls(
                need,
                "not looked for",
                by_name=need.reference is not None,
                by_code=bool(need.code) or need.kind == "lambda",
            )
            for need in needs
        ]


def missing_objects(found: Sequence[Missing], trust: Trust) -> MissingCustomObjects:
    """Make the error that lists all that was not found, with why, and the lines that would do."""
    missing = list({one.need.identity: one for one in found}.values())
    needs = [one.need for one in missing]
    listed = "".join(
        f"\n  {one.need.describe()} (by {one.need.travels}), used at {some(one.need.where)}: "
        f"{one.reason}"
        for one in missing
    )
    told = Names(needs)
    names = {_shortest(need, told): need for need in needs if need.kind != "lambda"}
    ways = [f"pass {_giving(names)}"] if names else []
    helped = {id(one.need) for one in missing if one.by_name or one.by_code}
    stuck = {name: need for name, need in names.items() if id(need) not in helped}
    for line in trust_lines(missing, trust) if len(stuck) < len(needs) else ():
        ways.append(f"if you trust whoever wrote them, {line}")
        if stuck:
            ways[-1] += f" and {_giving(stuck)}"
    if not ways:
        ways = ["load it where that code can run, or ask for a model with named functions"]
    return MissingCustomObjects(
        "classes or functions that the artifact needs, and that are not its framework's own, were "
        f"not found:{listed}\n" + "\nor, ".join(ways),
        missing=tuple(needs),
        reasons=tuple(one.reason for one in missing),
        custom_objects=tuple(names),
        trust=tuple(str(one.need.reference) for one in missing if one.by_name and not one.by_code),
        code=any(one.by_code for one in missing),
    )


def trust_lines(missing: Iterable[Missing], trust: Trust | None = None) -> list[str]:
    """Write each `trust=` that would let all of these be imported or run, as far as any would.

    What the caller trusts already stays in it. The second line, where there is one, trusts names
    in place of the code that the artifact carries: it needs the package, and runs less.
    """
    missing = list(missing)
    by_code = _line([one for one in missing if not one.by_code], missing, trust)
    by_name = _line(
        [one for one in missing if one.by_name], [m for m in missing if not m.by_name], trust
    )
    return [line for line in dict.fromkeys((by_code, by_name)) if line]


def _line(named: Iterable[Missing], run: Iterable[Missing], trust: Trust | None) -> str | None:
    names = dict.fromkeys(trust.imports if trust else ())
    names |= dict.fromkeys(str(one.need.reference) for one in named if one.by_name)
    code = bool(trust and trust.code) or any(one.by_code for one in run)
    ops = dict.fromkeys(trust.ops if trust else ())
    ops |= dict.fromkeys(one.need.name for one in (*named, *run) if one.need.is_op)
    if not (code or ops):
        return f"trust={_quoted(names)}" if names else None
    said = [f"imports={_quoted(names)}"] if names else []
    said += ["code=True"] if code else []
    said += [f"ops={_quoted(ops)}"] if ops else []
    return f"trust=Trust({', '.join(said)})"


def _quoted(names: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def refused_ops(ops: Sequence[Need], trust: Trust) -> Refused:
    """Make the error that lists all operations that are not trusted, and the line that would do."""
    listed = "".join(f"\n  {need.name}, in {some(need.where)}" for need in ops)
    (line,) = trust_lines(Missing.all_of(ops), trust)
    return Refused(
        f"the artifact holds a program, with operations that are on no list of those that only "
        f"compute:{listed}\nif you trust whoever wrote it, and know what they do here, pass {line}",
        ops=tuple(need.name for need in ops),
        where={need.name: need.where for need in ops},
    )


def ambiguous(key: str, fitting: list[Need]) -> AmbiguousCustomObject:
    """Make the error of a name that fits several needs, with names that tell them apart."""
    told = Names(fitting)
    listed = "; ".join(f"{need.describe()}, at {', '.join(need.where)}" for need in fitting)
    exact = " and ".join(repr(_shortest(need, told)) for need in fitting)
    return AmbiguousCustomObject(
        f"custom_objects has {key!r}, which fits {len(fitting)} objects that are needed: "
        f"{listed}; give each under a name of its own: {exact}",
        key=key,
        needs=tuple(fitting),
    )


def _giving(needs: Mapping[str, Need]) -> str:
    return (
        "custom_objects={"
        + ", ".join(f'"{name}": {need.class_name}' for name, need in needs.items())
        + "}"
    )


def _shortest(need: Need, told: Names) -> str:
    """Give the plainest name under which this need, and no other one, can be given."""
    names = (need.short_name, need.name, *need.keys[1:], *need.keys)
    return next((name for name in names if told.tell(name, need)), need.keys[0])
