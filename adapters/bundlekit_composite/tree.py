"""The tree that a composite is stored as, in `tree.json`, and the names that it uses.

A number, text, truth value or `null` stands for itself. Everything else is an object of one kind:

* `{"list": […]}`, `{"tuple": […]}`, `{"set": […]}`, `{"frozenset": […]}`, and
  `{"dict": [[key, value], …]}`, in their order (`ordered` for an `OrderedDict`);
* `{"object": 0, "attributes": {…}}`: an object of a class of the user's, which is the first of the
  `names`; with `state` in place of attributes where the class takes itself apart in another way;
* `{"namedtuple": 0, "items": […]}`; `{"enum": 0, "member": "RED"}`, or its `number` for flags that
  are several members at once; and `{"name": 0}` for a class or function itself;
* `{"array": {…}}` in `.npy` format, and `{"scalar": {…}}`, with `data` in base64, or a `file`;
* `{"float": "nan"}`, `{"complex": […]}`, `{"bytes": "…"}`; `{"value": "decimal", "text": "0.1"}`;
* `{"part": "encoder"}`: what another adapter stores, with `handle` where a handle held it;
  Parts that are inside of other parts are listed as `inside`, see `bundlekit.sharing`;
* `{"ref": 3}`: the fourth list, dict, set, object or array before, counted in the order of the
  tree. So what was one object is one again, and circles are circles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Need
from bundlekit.errors import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FORMS: dict[str, tuple[dict[str, type], ...]] = {
    **{kind: ({kind: list},) for kind in ("complex", "frozenset", "list", "set", "tuple")},
    **{kind: ({kind: str},) for kind in ("bytes", "float")},
    **{kind: ({kind: int},) for kind in ("name", "ref")},
    **{kind: ({kind: dict},) for kind in ("array", "scalar")},
    "dict": ({"dict": list}, {"dict": list, "ordered": bool}),
    "enum": ({"enum": int, "member": str}, {"enum": int, "number": int}),
    "namedtuple": ({"namedtuple": int, "items": list},),
    "object": ({"object": int, "attributes": dict}, {"object": int, "state": object}),
    "part": ({"part": str}, {"part": str, "handle": bool}),
    "value": ({"value": str, "text": str},),
}
"""What a node of each kind has, and of which types."""
_NUMBERS: tuple[dict[str, type], ...] = ({"data": str}, {"file": str})
_NAMED: dict[str, type] = {"kind": str, "module": str, "name": str, "qualname": str}
NUMBERED = frozenset({"array", "dict", "list", "object", "set"})
"""Kinds that a `ref` may refer to."""
NAMING = frozenset({"object", "namedtuple", "enum", "name"})
"""Kinds that use a name."""
BUILTINS = frozenset({"bool", "bytes", "complex", "dict", "float", "int", "list", "set", "str",
                      "tuple"})  # fmt: skip
"""Classes of Python's own that need no trust."""


def kind_of(node: Any) -> str | None:
    """Name the kind of a node; `None` for one that stands for itself.

    Raises:
        Damaged: it is of no kind, or of two, or has not what its kind has.
    """
    if isinstance(node, dict):
        found = _FORMS.keys() & node.keys()
        if len(found) != 1:
            raise Damaged(f"the tree has a node with {sorted(node)}; expected one kind")
        kind: str = next(iter(found))
        if not any(_has(node, form) for form in _FORMS[kind]):
            shown = {key: type(value).__name__ for key, value in node.items()}
            raise Damaged(f"the tree has a {kind!r} made of {shown}; no {kind!r} is")
        return kind
    if isinstance(node, list):
        raise Damaged("the tree has a bare list; expected an object of one kind")
    return None


def _has(found: Any, form: dict[str, type]) -> bool:
    return (
        isinstance(found, dict)
        and found.keys() == form.keys()
        and all(kind is object or type(found[key]) is kind for key, kind in form.items())
    )


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
    if kind in ("complex", "list", "tuple", "set", "frozenset", "namedtuple"):
        for index, item in enumerate(node["items" if kind == "namedtuple" else kind]):
            yield f"[{index}]", item
    elif kind == "dict":
        for pair in node["dict"]:
            if not isinstance(pair, list) or len(pair) != 2:
                raise Damaged("the tree has a dict of what are no pairs of key and value")
            key, value = pair
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
    names = document["names"]
    if not isinstance(names, list) or not all(map(_is_name, names)):
        raise Damaged("the names of the tree are not the names of classes and functions")
    left = list(declared)
    found: dict[int, Need] = {}
    for number, where in _places(document["root"], len(names)).items():
        named = names[number]
        if is_plain(named):
            continue
        need = next((one for one in left if where[0] in one.where), None)
        if need is not None and need.class_name == named["name"]:
            left.remove(need)
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
    if left:
        raise Damaged(
            f"the manifest declares {left[0].name!r}, which the tree does not use",
            name=left[0].name,
        )
    return found


def _places(root: Any, names: int) -> dict[int, list[str]]:
    """Say where each of the names is used, and make sure that all numbers are of something."""
    places: dict[int, list[str]] = {}
    numbered = 0
    for place, kind, node in walk(root):
        if kind in NAMING:
            _require_below(names, node[kind], "uses the name")
            places.setdefault(node[kind], []).append(place)
        elif kind == "ref":
            _require_below(numbered, node["ref"], "refers to")
        elif kind in ("array", "scalar") and not any(_has(node[kind], one) for one in _NUMBERS):
            raise Damaged(f"the tree has a {kind!r} without numbers")
        elif kind == "complex" and len(node["complex"]) != 2:
            raise Damaged("the tree has a complex number that is no pair")
        numbered += kind in NUMBERED
    return places


def _require_below(end: int, number: int, what: str) -> None:
    if not 0 <= number < end:
        raise Damaged(f"the tree {what} {number}, which was not there before; there are {end}")


def _is_name(named: Any) -> bool:
    return _has(named, _NAMED) and bool(named["name"]) and named["kind"] in ("class", "function")


def is_plain(named: dict[str, str]) -> bool:
    """Tell whether a name is that of a class of Python's own that anybody may use."""
    return named["module"] == "builtins" and named["qualname"] in BUILTINS
