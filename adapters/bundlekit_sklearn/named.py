"""Which classes and functions a skeleton names, and which of them its readers need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Need
from bundlekit.errors import Damaged
from bundlekit_sklearn import skeleton
from bundlekit_sklearn.allowlist import is_allowed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FUNCTIONS = ("FunctionNode", "function")


@dataclass
class Named:
    """A class or function, and where a skeleton uses it."""

    module: str
    name: str
    """The last part of its qualified name, since skops stores no more of it."""
    qualname: str
    loader: str
    stored: str | None = None
    """For a function that is written in Python: the name under which the skeleton has it."""
    places: list[str] = field(default_factory=list)

    @property
    def is_allowed(self) -> bool:
        """Whether it needs no trust."""
        return is_allowed(self.module, self.qualname)

    @property
    def kind(self) -> str:
        """What it is."""
        return "function" if self.loader in _FUNCTIONS else "class"

    def is_meant(self, need: Need) -> bool:
        """Tell whether this is what the manifest declares."""
        if self.stored is not None:
            return need.class_name == self.name and self.places[0] in need.where
        return (need.module, need.class_name) == (self.module, self.name)


def named(document: Mapping[str, Any]) -> tuple[Named, ...]:
    """Give everything that a document names, each once.

    Raises:
        Damaged: it is no document of this adapter.
    """
    try:
        return tuple(_named(document).values())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged(f"the skeleton is not one: {type(error).__name__} {error}") from error


def _named(document: Mapping[str, Any]) -> dict[str, Named]:
    functions = document["functions"]
    found: dict[str, Named] = {}
    for place, node in skeleton.walk(document["root"]):
        if node.get("stored") in functions:
            stored = node["stored"]
            module, qualname = functions[stored]["module"], functions[stored]["qualname"]
            name = functions[stored]["name"]
            made = Named(module, name, qualname, "function", stored)
            found.setdefault(stored, made).places.append(place)
            continue
        text = node.get("object") or node.get("array") or node.get("type")
        if text is None or node.get("loader") == "JsonNode":
            continue
        module, _, name = text.partition(":")
        loader = str(node.get("loader", "object"))
        found.setdefault(text, Named(module, name, name, loader)).places.append(place)
    return found


def needs(names: Sequence[Named], declared: Sequence[Need]) -> tuple[Need, ...]:
    """Give what has to come from outside, as the manifest declares it, where it does.

    Raises:
        Damaged: the manifest declares something that the skeleton does not use.
    """
    wanted: list[Need] = []
    left = list(declared)
    for one in names:
        if one.is_allowed:
            continue
        need = next((need for need in left if one.is_meant(need)), None)
        if need is not None:
            left.remove(need)
        wanted.append(need or _undeclared(one))
    if left:
        raise Damaged(
            f"the manifest declares {left[0].name!r}, which the skeleton does not use",
            name=left[0].name,
        )
    return tuple(wanted)


def _undeclared(one: Named) -> Need:
    return Need(
        name=one.name,
        class_name=one.name,
        kind=one.kind,
        module=one.module,
        qualname=one.qualname,
        where=tuple(one.places),
    )
