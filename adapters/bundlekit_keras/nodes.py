"""A raw Keras config as data: its nodes, what they name, and one numbering of what they share.

A node is an object with `class_name` and `config`; Keras turns each one into an instance, a
function or a constant. Nothing here imports Keras or anything that a config names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Need
from bundlekit.errors import Damaged, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONSTANTS = frozenset(
    {"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"}
)
_SHARED = "shared_object_id"


def walk(config: object, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every node with its place, outermost first, in the order of the config."""
    pending = [(where, config)]
    while pending:
        place, value = pending.pop()
        if isinstance(value, dict):
            if "class_name" in value and "config" in value:
                yield place or "the model", value
            inner = [(f"{place}.{key}" if place else key, child) for key, child in value.items()]
            pending.extend(reversed(inner))
        elif isinstance(value, list | tuple):
            inner = [(f"{place}[{index}]", child) for index, child in enumerate(value)]
            pending.extend(reversed(inner))


def needs(config: object) -> tuple[Need, ...]:
    """Give the classes and functions that a config names and Keras does not define.

    Functions without a module may be Keras' own; only Keras can tell.

    Raises:
        Refused: the config carries code, a lambda.
        Damaged: a node is not one that Keras writes.
    """
    found: dict[str, Need] = {}
    for where, node in walk(config):
        name, module = node["class_name"], node.get("module")
        if not isinstance(name, str) or not isinstance(module, str | None):
            raise Damaged(
                f"the config node at {where} has no plain class_name and module", where=where
            )
        if name == "__lambda__":
            raise Refused(
                f"the config carries a lambda at {where}: its bytecode would be executed, and "
                f"only the same Python can; use a named function instead",
                where=where,
            )
        if name in _CONSTANTS or _is_keras(module):
            continue
        registered = node.get("config") if name == "function" else node.get("registered_name")
        registered = registered if isinstance(registered, str) else name
        need = Need(name=registered, module=None if module == "builtins" else module, where=where)
        found.setdefault(registered, need)
    return tuple(found.values())


def renumber_shared(config: object) -> None:
    """Number shared objects by their order in the config, in place.

    Keras numbers them by their address in memory, another one in each process.
    """
    numbers: dict[int, int] = {}
    for _, node in walk(config):
        if _SHARED in node:
            node[_SHARED] = numbers.setdefault(node[_SHARED], len(numbers) + 1)


def _is_keras(module: str | None) -> bool:
    return module is not None and (module == "keras" or module.startswith("keras."))
