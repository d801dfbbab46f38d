"""The tree that a composite is stored as, in `tree.json`, and the names that it uses.

A number, text, truth value or `null` stands for itself. Everything else is an object of one kind:

* `{"list": […]}`, `{"tuple": […]}`, `{"set": […]}`, `{"frozenset": […]}`, and
  `{"dict": [[key, value], …]}`, in their order (`ordered` for an `OrderedDict`);
* `{"object": 0, "attributes": {…}}`: an object of a class of the user's, which is the first of the
  `names`; with `state` in place of attributes where the class takes itself apart in another way;
* `{"namedtuple": 0, "items": […]}`, `{"enum": 0, "member": "RED"}`, and `{"name": 0}` for a class
  or function itself;
* `{"array": {…}}` in `.npy` format, and `{"scalar": {…}}`, with `data` in base64, or a `file`;
* `{"float": "nan"}`, `{"complex": […]}`, `{"bytes": "…"}`; `{"value": "decimal", "text": "0.1"}`;
* `{"part": "encoder"}`: what another adapter stores;
* `{"ref": 3}`: the fourth list, dict, set, object or array before, counted in the order of the
  tree. So what was one object is one again, and circles are circles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Need
from bundlekit.errors import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KINDS = frozenset({
    "array", "bytes", "complex", "dict", "enum", "float", "frozenset", "list", "name",
    "namedtuple", "object", "part", "ref", "scalar", "set", "tuple", "value",
})  # fmt: skip
NAMING = frozenset({"object", "namedtuple", "enum", "name"})
"""Kinds that use a name."""
BUILTINS = frozenset({"bool", "bytes", "complex", "dict", "float", "int", "list", "set", "str",
                      "tuple"})  # fmt: skip
"""Classes of Python's own that need no trust."""


def kind_of(node: Any) -> str | None:
    """Name the kind of a node; `None` for one that stands for itself.

    Raises:
        Damaged: it is of no kind, or of two.
    """
    if isinstance(node, dict):
        found = KINDS & node.keys()
        if len(found) == 1:
            return next(iter(found))
        raise Damaged(f"the tree has a node with {sorted(node)}; expected one kind")
    if isinstance(node, list):
        raise Damaged("the tree has a bare list; expected an object of one kind")
    return None


def walk(node: Any, place: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every node that does not stand for itself: place, kind, node.

    Raises:
        Damaged: it is no tree.
    """
    kind = kind_of(node)
    if kind is None:
        return
    yield place, kind, node
    for step, child in _children(kind, node):
        yield from walk(child, place + step)


def _children(kind: str, node: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if kind in ("list", "tuple", "set", "frozenset", "namedtuple"):
        for index, item in enumerate(node["items" if kind == "namedtuple" else kind]):
            yield f"[{index}]", item
    elif kind == "dict":
        for key, value in node["dict"]:
            shown = "…" if isinstance(key, dict) else repr(key)
            yield f"[{shown}].key", key
            yield f"[{shown}]", value
    elif kind == "object" and "attributes" in node:
        for name, value in node["attributes"].items():
            yield f".{name}", value
    elif kind == "object":
        yield "", node["state"]


def needs(document: dict[str, Any], declared: Sequence[Need]) -> dict[int, Need]:
    """Give the classes and functions that a tree needs, by their numbers among its names.

    Where the manifest declares them, as it does.

    Raises:
        Damaged: it is no tree; the manifest declares what the tree does not use.
    """
    try:
        return _needs(document, list(declared))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise Damaged(f"the tree is not one: {type(error).__name__} {error}") from error


def _needs(document: dict[str, Any], declared: list[Need]) -> dict[int, Need]:
    places: dict[int, list[str]] = {}
    for place, kind, node in walk(document["root"]):
        if kind in NAMING:
            places.setdefault(node[kind], []).append(place)
    found: dict[int, Need] = {}
    for number, where in places.items():
        named = document["names"][number]
        if is_plain(named):
            continue
        need = next((one for one in declared if where[0] in one.where), None)
        if need is not None and need.class_name == named["name"]:
            declared.remove(need)
            found[number] = need
        else:
            found[number] = Need(
                name=named["name"],
                class_name=named["name"],
                kind=named["kind"],
                module=named["module"],
                qualname=named["qualname"],
                where=tuple(where),
            )
    if declared:
        raise Damaged(
            f"the manifest declares {declared[0].name!r}, which the tree does not use",
            name=declared[0].name,
        )
    return found


def is_plain(named: dict[str, str]) -> bool:
    """Tell whether a name is that of a class of Python's own that anybody may use."""
    return named["module"] == "builtins" and named["qualname"] in BUILTINS
