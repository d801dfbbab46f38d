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


class Place:
    """Where in a config something stands; written out only when somebody asks."""

    __slots__ = ("_key", "_parent")

    def __init__(self, parent: Place | None, key: str | int) -> None:
        self._parent = parent
        self._key = key

    def __str__(self) -> str:
        steps: list[str] = []
        place: Place | None = self
        while place is not None and place._parent is not None:
            steps.append(f"[{place._key}]" if isinstance(place._key, int) else f".{place._key}")
            place = place._parent
        return "".join(reversed(steps)).lstrip(".") or "the model"


def walk(config: object) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield every node with its place, outermost first, in the order of the config."""
    pending: list[tuple[Place | None, str | int, object]] = [(None, "", config)]
    while pending:
        parent, key, value = pending.pop()
        if not isinstance(value, dict | list | tuple):
            continue
        place = Place(parent, key)
        if isinstance(value, dict) and "class_name" in value and "config" in value:
            yield place, value
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        pending.extend(reversed([(place, key, child) for key, child in inner]))


def needs(config: object) -> tuple[Need, ...]:
    """Give the classes and functions that a config names and Keras does not define.

    Functions without a module may be Keras' own; only Keras can tell.

    Raises:
        Refused: the config carries code, a lambda.
        Damaged: a node is not one that Keras writes.
    """
    places: dict[tuple[str, str | None], list[str]] = {}
    for where, node in walk(config):
        name, module = node["class_name"], node.get("module")
        if not isinstance(name, str) or not isinstance(module, str | None):
            raise Damaged(
                f"the node at {where} has no plain class_name and module", where=str(where)
            )
        if name == "__lambda__":
            raise Refused(
                f"the config carries a lambda at {where}: its bytecode would be executed, and "
                f"only the same Python can; use a named function instead",
                where=str(where),
            )
        if name in _CONSTANTS or _is_keras(module):
            continue
        registered = node["config"] if name == "function" else node.get("registered_name")
        registered = registered if isinstance(registered, str) else name
        module = None if module == "builtins" else module
        places.setdefault((registered, module), []).append(str(where))
    return tuple(
        Need(name=name, module=module, where=tuple(where))
        for (name, module), where in places.items()
    )


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
