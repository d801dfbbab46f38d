"""The audit of a raw config: an allowlist, applied before anything is imported.

A node is a constant, one of Keras' own modelling objects (`allowlist`), or a need: something that
the caller has to give, know or trust. Whatever the manifest claims, each node is looked at; what
the manifest says is only used to tell where a need comes from. What no caller may allow is
refused: symbols of Keras that model nothing, names that contradict each other, code in legacy
forms, paths where a path would be opened.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Need
from bundlekit.errors import Damaged, Refused
from bundlekit_keras import allowlist, nodes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bundlekit_keras.allowlist import Allowed
    from bundlekit_keras.nodes import Place

_SHOWN = 60
_OPENS_FILES = frozenset({"StringLookup", "IntegerLookup", "TextVectorization"})
_PATH_LIKE = re.compile(r"[/\\]|\.\.|^~")
_MARSHALLED = re.compile(r"4w[A-Za-z0-9+/\s]{14,}+={0,2}\s*")
"""Base64 of a code object as `marshal` writes it: what legacy files hold for a lambda."""


def needs(
    config: object, declared: Iterable[Need] = (), *, written_by: object = None
) -> tuple[Need, ...]:
    """Give the classes and functions that a config names and that are not Keras' own.

    Args:
        config: the raw config.
        declared: what the manifest says of some of them.
        written_by: the version of Keras that wrote it, as it claims; what that one had and the
            installed one calls by another name is allowed too.

    Returns:
        What was declared, as it was declared, and then what was not.

    Raises:
        Refused: the config names what nobody may allow.
        Damaged: a node is not one that Keras writes, or the manifest contradicts the config.
    """
    allowed = allowlist.allowed_of(written_by)
    records = tuple(declared)
    claims: dict[str, list[Need]] = {}
    for record in records:
        for where in record.where:
            claims.setdefault(where, []).append(record)
    for record in records:
        if _is_keras(record.module):  # no record makes a user's class of what is Keras' own
            symbol = f"{record.module}.{record.qualname}"
            raise _not_allowed(", ".join(record.where), symbol, allowed)
    found: dict[tuple[str, str, str, str | None], list[str]] = {}
    parts = list(nodes.containers(config))
    for place, node in parts:
        is_node = type(node) is not list and nodes.is_node(node)
        raw = read_node(place, node, allowed) if is_node else None
        if raw is None:
            continue
        where = str(place)
        claimed = claims.pop(where, [])
        if len(claimed) > 1:
            raise Damaged("the manifest declares two custom objects for one place of the config")
        for need in claimed:
            said = (need.name, need.module), (need.name, None)
            if raw[2] == "lambda" or (raw[0], raw[3]) not in said:
                raise _contradicts(need, where, f"{raw[0]} from {raw[3]}")
        if not claimed:
            found.setdefault(raw, []).append(where)
    _check_legacy(parts)
    _check_texts(config, claims)
    for record in records:
        if record.kind == "lambda" and not record.code:
            raise _contradicts(record, ", ".join(record.where), "no code of it")
        if not record.where:
            raise Damaged(
                f"the manifest declares {record.name}, and nothing uses it", name=record.name
            )
    return (*records, *(_undeclared(raw, where) for raw, where in found.items()))


def _undeclared(raw: tuple[str, str, str, str | None], where: list[str]) -> Need:
    name, class_name, kind, module = raw
    return Need(
        name=name,
        class_name=class_name,
        kind=kind,
        module=module,
        qualname=class_name.rpartition(">")[2] if module else None,
        where=tuple(where),
    )


def read_node(
    place: Place, node: dict[str, Any], allowed: Allowed
) -> tuple[str, str, str, str | None] | None:
    """Give name, class name, kind and module of what a node needs; `None` if that is nothing.

    Raises:
        Refused, Damaged: as `needs`.
    """
    name, module, registered = node["class_name"], node.get("module"), node.get("registered_name")
    if not (
        isinstance(name, str)
        and isinstance(module, str | None)
        and isinstance(registered, str | None)
    ):
        raise Damaged(f"the node at {place} has no plain class_name, module and registered_name")
    if name == nodes.LAMBDA:
        return "<lambda>", "<lambda>", "lambda", None
    if name == "__typespec__":
        raise Refused(f"the config holds a type of TensorFlow's at {place}, which is not loaded")
    config = node["config"]
    if not isinstance(config, str if name == nodes.FUNCTION else dict):
        raise Damaged(
            f"the config of the node {_short(name)} at {place} is {_short(repr(config))}; expected "
            f"{'a name' if name == nodes.FUNCTION else 'an object'}",
            where=str(place),
        )
    if name in nodes.CONSTANTS:
        if module is not None or registered is not None:
            raise Refused(
                f"the node at {place} is the constant {name}, and claims to be of the module "
                f"{module} and registered as {registered}; a constant is neither",
                where=str(place),
            )
        return None
    _check_paths(place, name, config)
    return (
        _read_function(place, node, allowed)
        if name == nodes.FUNCTION
        else _read_class(place, node, allowed)
    )


def _read_class(
    place: Place, node: dict[str, Any], allowed: Allowed
) -> tuple[str, str, str, str | None] | None:
    name, module, registered = node["class_name"], node.get("module"), node.get("registered_name")
    if not _is_keras(module):
        return nodes.registered_name(node), name, "object", module
    if f"{module}.{name}" not in allowed.classes:
        raise _not_allowed(place, f"{module}.{name}", allowed)
    if registered not in (None, name):
        raise Refused(
            f"the node at {place} is Keras' own {module}.{name}, and claims to be registered as "
            f"{_short(registered)}; nothing can be both",
            where=str(place),
        )
    if name == "Lambda":
        _check_lambda(place, node["config"])
    return None


def _read_function(
    place: Place, node: dict[str, Any], allowed: Allowed
) -> tuple[str, str, str, str | None] | None:
    name, module, registered = node["config"], node.get("module"), node.get("registered_name")
    known = name in allowed.bare_functions if module == "builtins" else False
    if _is_keras(module):
        known = f"{module}.{name}" in allowed.functions
        if not known:
            raise _not_allowed(place, f"{module}.{name}", allowed)
    if not known:
        short = name.rpartition(">")[2]
        return name, short, "function", None if module == "builtins" else module
    if registered not in (None, name, nodes.FUNCTION):
        raise Refused(
            f"the node at {place} is Keras' own function {name}, and claims to be registered as "
            f"{_short(registered)}; nothing can be both",
            where=str(place),
        )
    return None


def _is_keras(module: str | None) -> bool:
    return module is not None and (module == "keras" or module.startswith("keras."))


def _not_allowed(place: object, symbol: str, allowed: Allowed) -> Refused:
    minor = ".".join(map(str, allowed.minor))
    return Refused(
        f"the config names {_short(symbol)} at {place}, which is not among the layers, losses, "
        f"functions and other modelling objects of Keras {minor}, and which no trust allows; if it "
        f"is new in your Keras, upgrade bundlekit",
        symbol=symbol,
        where=str(place),
    )


def _check_lambda(place: Place, config: dict[str, Any]) -> None:
    """Lambda layers take functions in three places, once as code in lists."""
    for key in ("function", "mask", "output_shape"):
        value = config.get(key)
        node = isinstance(value, dict) and "class_name" in value and "config" in value
        if not node and (key == "function" or any(True for _ in nodes.texts([value]))):
            raise Refused(
                f"the {key} of the Lambda layer at {place} is {_short(repr(value))}; expected the "
                f"name of a function; code in a config is not run",
                where=str(place),
            )


def carries_code(config: object) -> bool:
    """Tell whether a config holds lambdas as bytecode, in the form of old Keras files."""
    try:
        _check_legacy(nodes.containers(config))
    except Refused:
        return True
    return False


def _check_legacy(parts: Iterable[tuple[Place, Any]]) -> None:
    """Refuse lambdas as Keras 1 and 2 wrote them: a list of bytecode, defaults and closure.

    Args:
        parts: all objects and lists of a config, outermost first.
    """
    bytecode: set[int] = set()
    for place, value in parts:
        if isinstance(value, dict):
            if nodes.is_node(value) and value["class_name"] == nodes.LAMBDA:
                # As Keras 3 writes a lambda; a need of its own.
                inner = value["config"]
                bytecode.update(map(id, inner.values() if isinstance(inner, dict) else ()))
            continue
        if len(value) != 3 or not isinstance(value, list) or id(value) in bytecode:
            continue
        first = value[0]
        if isinstance(first, str) and _MARSHALLED.fullmatch(first):
            raise Refused(
                f"the config carries bytecode at {place}, in the form of old Keras files; it is "
                f"not run",
                where=str(place),
            )


def _check_paths(place: Place, name: str, config: object) -> None:
    for key in ("vocabulary", "idf_weights"):
        value = config.get(key) if isinstance(config, dict) else None
        if isinstance(value, str) and (name in _OPENS_FILES or _PATH_LIKE.search(value)):
            raise Refused(
                f"the {key} of {name} at {place} is the path {_short(value)}, which would be "
                f"opened when loading; expected a list of words",
                where=str(place),
            )


def _check_texts(config: object, claims: dict[str, list[Need]]) -> None:
    """Make sure that each claim that is no node's is a name that a text of the config holds."""
    texts: dict[str, str] = {}
    if claims:
        found = ((str(place), text) for place, text in nodes.texts(config))
        texts = {place: text for place, text in found if place in claims}
    for where, needs in claims.items():
        for need in needs:
            if where not in texts or not _holds(texts[where], need.name):
                raise _contradicts(need, where, "nothing of the kind")
        if len({need.name for need in needs}) != len(needs):
            raise Damaged("the manifest declares two custom objects for one place of the config")


def _holds(text: str, name: str) -> bool:
    """Tell whether a text is a name, or is a config, written as text, that holds the name."""
    forms = [name]
    for _ in range(3):  # JSON, perhaps in JSON
        forms.append(json.dumps(forms[-1])[1:-1])
    quoted = "|".join(map(re.escape, forms))
    return text == name or re.search(rf"(?<![\w>])(?:{quoted})(?![\w>])", text) is not None


def _contradicts(need: Need, where: str, found: str) -> Damaged:
    return Damaged(
        f"the manifest declares {need.name} from {need.module} at {_short(where)}, where the "
        f"config has {_short(found)}; the file was changed or not written by bundlekit",
        name=need.name,
        where=where,
    )


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
