"""The adapter `composite`: what holds models, with the models as parts.

Dicts, lists, tuples, dataclasses, attrs classes and named tuples are taken apart; what is in them
and another adapter claims is stored by that adapter, as a part. The rest is a tree in JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bundlekit import sharing
from bundlekit.adapter import Context, CustomObject, Description, Need, Out, Payload
from bundlekit.errors import Damaged, Unwritable
from bundlekit_composite import tree
from bundlekit_composite.making import Making
from bundlekit_composite.taking import FOLDER, MARKS, OWN, Taking, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MEMBER = "tree.json"


class CompositeAdapter:
    """Dicts, lists, tuples, dataclasses, attrs classes, and the models in them."""

    name = OWN
    version = 1
    reads = (1,)
    types = ("builtins.dict", "builtins.list", "builtins.tuple")
    marks = MARKS
    default = True
    deterministic = True
    pack_options = ()
    unpack_options = ()
    members = (MEMBER, f"{FOLDER}…", "parts/…")
    gives = "the same structure, with the models in it"
    keeps = (
        "dicts, lists, tuples, sets, numbers, text, bytes, numpy's arrays, dates, decimals, paths",
        "objects of your dataclasses, attrs classes, named tuples and enums",
        "models inside, each as its own adapter keeps it",
        "which of these are one and the same object",
    )
    loses = ()

    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write the tree, and everything that another adapter claims as a part.

        Raises:
            Unwritable: something in it is of a type that nobody knows.
        """
        taken = Taking(obj, out, _cached(out))
        inside, losses = sharing.store(out, taken.parts)
        document = {
            "inside": inside,
            "names": [name_of(one) for one in taken.named],
            "root": taken.root,
        }
        try:
            text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise Unwritable(f"a text in it is not Unicode: {error}") from error
        except ValueError as error:
            raise Unwritable(f"a number in it has too many digits: {error}") from error
        out.add(MEMBER, text)
        found = tree.needs(document, ())
        return Description(
            kind=type(obj).__name__,
            losses=losses,
            custom_objects=tuple(
                CustomObject(
                    obj=taken.named[number],
                    name=need.name,
                    kind="lambda" if need.name == "<lambda>" else need.kind,
                    where=need.where,
                )
                for number, need in found.items()
            ),
        )

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Name the classes and functions that the tree names."""
        document = _document(payload)
        found = tree.needs(document, payload.part.custom_objects)
        used, parts = {MEMBER}, set[str]()
        for _, kind, node in tree.walk(document["root"]):
            if kind in ("array", "scalar") and "file" in node[kind]:
                used.add(node[kind]["file"])
                payload.read(node[kind]["file"])
            elif kind == "part":
                parts.add(node["part"])
        for path in payload.paths:
            if path not in used:
                raise Damaged(f"{path} is no member of the adapter 'composite'", member=path)
        sharing.require(payload, parts, document["inside"])
        return tuple(found.values())

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Make the object again.

        Raises:
            NotRestorable: a class of the user's does not take its state back.
        """
        document = _document(payload)
        found = tree.needs(document, payload.part.custom_objects)

        def named(number: int) -> Any:
            if number in found:
                return context.objects[found[number]]
            return getattr(__import__("builtins"), document["names"][number]["qualname"])

        parts = sharing.Restoring(payload, context, document["inside"])
        return Making(document["root"], payload.read, named, parts).obj


def _document(payload: Payload) -> dict[str, Any]:
    found = payload.json(MEMBER)
    if not isinstance(found, dict) or found.keys() != {"inside", "names", "root"}:
        raise Damaged(f"{MEMBER} is no tree", member=MEMBER)
    return found


def _cached(out: Out) -> Callable[[object], str | None]:
    known: dict[type, str | None] = {}

    def adapter_of(obj: object) -> str | None:
        if type(obj) not in known:
            known[type(obj)] = out.adapter_of(obj)
        return known[type(obj)]

    return adapter_of
