"""What a caller wants to leave out: attributes of fitted estimators, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Loss
from bundlekit.errors import UnknownOption

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def asked_for(options: Mapping[str, object]) -> tuple[str, ...]:
    """Read the option `drop`.

    Raises:
        UnknownOption: it is no list of names.
    """
    found = options.get("drop", ())
    if isinstance(found, str) or not isinstance(found, Iterable):
        raise UnknownOption(
            f"drop={found!r} is no list of names; give it as in drop=['history']",
            option="drop",
            found=found,
        )
    return tuple(map(str, found))


def drop(schema: dict[str, Any], names: tuple[str, ...]) -> tuple[Loss, ...]:
    """Take attributes out of a schema of skops, in place, wherever an object has them.

    Args:
        schema: the schema.
        names: of attributes; `history` stands for `history_` too.

    Returns:
        What is lost.

    Raises:
        UnknownOption: no object has such an attribute.
    """
    met: set[str] = set()
    lost: dict[str, Loss] = {}
    for cls, state in _states(schema):
        attributes = state["content"]
        met |= attributes.keys()
        gone = [key for key in attributes if key in names or key.rstrip("_") in names]
        for key in gone:
            lost[f"{cls}.{key}"] = Loss(what=f"{key} of {cls}", why="it was to be dropped")
        if gone:
            kinds = state["key_types"]["content"]
            pairs = zip(list(attributes), list(kinds), strict=True)
            kinds[:] = [kind for key, kind in pairs if key not in gone]
            for key in gone:
                del attributes[key]
    dropped = {name.rpartition(".")[2] for name in lost}
    unknown = [n for n in names if n not in dropped and f"{n}_" not in dropped]
    if unknown:
        fitted = sorted(name for name in met if name.endswith("_") and not name.startswith("__"))
        raise UnknownOption(
            f"drop names {unknown[0]!r}, and no object here has such an attribute; there are "
            f"{', '.join(fitted) or 'none'}",
            option="drop",
            found=unknown[0],
            known=tuple(fitted),
        )
    return tuple(lost.values())


def _states(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        if value.get("__loader__") == "ObjectNode":
            state = value.get("content")
            if isinstance(state, dict) and state.get("__loader__") == "DictNode":
                yield value["__class__"], state
        for one in list(value.values()):
            yield from _states(one)
    elif isinstance(value, list):
        for one in value:
            yield from _states(one)
