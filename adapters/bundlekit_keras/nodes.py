"""A raw Keras config as data: its nodes, where they stand, and one numbering of what they share.

A node is an object with `class_name` and `config`; Keras turns each one into an instance, a
function or a constant. Nothing here imports Keras or anything that a config names.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

CONSTANTS = frozenset(
    {"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"}
)
"""Class names of nodes that stand for plain values."""
LAMBDA = "__lambda__"
FUNCTION = "function"
_SHARED = "shared_object_id"
_SHOWN = 100
_CONTAINERS = (dict, list, tuple)
_PLAIN = frozenset({str, int, float, bool, type(None)})
"""What most values are; asking for these first takes half the time."""
_PLAIN_KEY = re.compile(r"[\w\-/:]+")


class Place:
    """Where in a config something stands; written out only when somebody asks."""

    __slots__ = ("_key", "_parent")

    def __init__(self, parent: Place | None, key: str | int) -> None:
        self._parent = parent
        self._key = key

    @property
    def key(self) -> str | int:
        """The last step: a key of an object, or an index of a list."""
        return self._key

    def __str__(self) -> str:
        steps: list[str] = []
        place: Place | None = self
        while place is not None and place._parent is not None:
            steps.append(_step(place._key))
            place = place._parent
        return "".join(reversed(steps)).lstrip(".") or "the model"


@lru_cache(maxsize=64)
def _step(key: str | int) -> str:
    if isinstance(key, str) and len(key) > _SHOWN:
        # One key of a megabyte would stand in the place of everything below it.
        return f'["{key[:_SHOWN]}…{sha256(key.encode(errors="surrogatepass")).hexdigest()}"]'
    plain = isinstance(key, str) and _PLAIN_KEY.fullmatch(key)
    return f".{key}" if plain else f"[{json.dumps(key)}]"


def walk(config: object) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield every node with its place, outermost first, in the order of the config."""
    for place, value in containers(config):
        if type(value) is not list and is_node(value):
            yield place, value


def is_node(value: object) -> bool:
    """Tell whether a part of a config is a node."""
    return isinstance(value, dict) and "class_name" in value and "config" in value


def texts(config: object) -> Iterator[tuple[Place, str]]:
    """Yield every string that is no key, with its place, in the order of the config."""
    for place, value in containers(config):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in inner:
            if isinstance(child, str):
                yield Place(place, key), child


def owned_texts(config: object) -> Iterator[tuple[Place, str, dict[str, Any] | None]]:
    """Yield every string as `texts`, and the node that it is in; `None`: `compile` was given it."""
    owners: dict[int, dict[str, Any] | None] = {}
    for place, value in containers(config):
        owner = owners.pop(id(value), None)
        if is_node(value):
            owner = value
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(child, str):
                yield Place(place, key), child, owner
            elif isinstance(child, _CONTAINERS):
                owners[id(child)] = None if key == "compile_config" else owner


def registered_name(node: dict[str, Any]) -> str:
    """Give the name that Keras looks a node's class or function up under."""
    if node["class_name"] == FUNCTION:
        return str(node["config"])
    found = node.get("registered_name")
    return found if isinstance(found, str) else str(node["class_name"])


def copied(config: Any) -> Any:
    """Give a copy of a config that shares nothing with it."""
    if isinstance(config, dict):
        return {key: v if type(v) in _PLAIN else copied(v) for key, v in config.items()}
    if isinstance(config, list):
        return [v if type(v) in _PLAIN else copied(v) for v in config]
    return copy.deepcopy(config) if isinstance(config, tuple) else config


def renumber_shared(config: object) -> None:
    """Number shared objects by their order in the config, in place.

    Keras numbers them by their address in memory, another one in each process. That a dtype policy
    is shared says nothing of the model, and is not so in one that was loaded.
    """
    times: Counter[int] = Counter()
    found = list(_nodes(config))
    for node in found:
        if "DTypePolicy" in node["class_name"]:
            node.pop(_SHARED, None)
        times[node.get(_SHARED, 0)] += 1
    numbers: dict[int, int] = {}
    for node in found:
        if _SHARED in node and times[node[_SHARED]] == 1:
            del node[_SHARED]
        elif _SHARED in node:
            node[_SHARED] = numbers.setdefault(node[_SHARED], len(numbers) + 1)


def _nodes(config: object) -> Iterator[dict[str, Any]]:
    """Yield every node as `walk`, without its place."""
    pending = [config]
    while pending:
        value = pending.pop()
        if is_node(value):
            yield value  # type: ignore[misc]
        inner: Any = value.values() if isinstance(value, dict) else value
        children = [v for v in inner if type(v) not in _PLAIN and isinstance(v, _CONTAINERS) and v]
        children.reverse()
        pending.extend(children)


def containers(config: object) -> Iterator[tuple[Place, Any]]:
    """Yield every object and list that is not empty, outermost first.

    Places of plain values are never made.
    """
    pending: list[tuple[Place | None, str | int, object]] = [(None, "", config)]
    while pending:
        parent, key, value = pending.pop()
        if not isinstance(value, _CONTAINERS):
            continue
        place = Place(parent, key)
        yield place, value
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        children = [
            (place, k, v)
            for k, v in inner
            if type(v) not in _PLAIN and isinstance(v, _CONTAINERS) and v
        ]
        children.reverse()
        pending.extend(children)
