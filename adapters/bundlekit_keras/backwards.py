"""The way of Keras 2.13 to 2.15 through a subclassed model, which gave its layers other places.

Keras names places by attributes, `norm`, and what no attribute has named yet by its class and a
number in a list, `layers/dense_1`. These releases came to the attributes in reverse order: what
Keras 3 has below an attribute they have below `layers`, and the other way round.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    _Tree = dict[str, "_Tree"]

_LAYERS = "layers"


class Walk:
    """That way, as far as a file has places on it.

    Args:
        target: a live model or layer of Keras 3.
        places: those in the file.

    Attributes:
        found: the objects by their places.
        is_ambiguous: whether layers that are alike may have changed places.
    """

    def __init__(self, target: Any, places: Iterable[str]) -> None:
        self.found: dict[str, Any] = {}
        self.is_ambiguous = False
        self._seen: set[int] = set()
        self._here: list[int] = []
        self._votes: list[int] = []
        tree: _Tree = {}
        for place in places:
            below = tree
            for step in filter(None, place.split("/")):
                below = below.setdefault(step, {})
        self._visit(target, "", tree)

    @property
    def is_told(self) -> bool:
        """Whether layers are where only this way puts them, and none where only Keras 3 does."""
        return bool(self._here) and all(vote > 0 for vote in self._here)

    @property
    def is_likely(self) -> bool:
        """Whether more is where this way puts it, or is not where Keras 3 does, than otherwise."""
        return sum(self._votes) > 0

    def _visit(self, value: Any, place: str, below: _Tree) -> None:
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        self.found[place] = value
        for name in _holding_layers(value):
            self._vote(name, below)
        for name in sorted(below, reverse=True):
            child = _attribute(value, name)
            inside = f"{place}/{name}" if place else name
            if isinstance(child, dict):
                self._visit_all(child.values(), inside, below[name])
            elif isinstance(child, list | tuple | set):
                if name == _LAYERS and isinstance(value, require_keras().Model):
                    left = [layer for layer in child if id(layer) not in self._seen]
                    self.is_ambiguous |= _is_ambiguous(value, left)
                self._visit_all(child, inside, below[name])
            elif _is_saved(child):
                self._visit(child, inside, below[name])

    def _visit_all(self, values: Iterable[Any], place: str, below: _Tree) -> None:
        counts: dict[str, int] = {}
        for value in values:
            if not _is_saved(value) or id(value) in self._seen:
                continue
            base = _snake(type(value).__name__)
            number = counts.get(base, 0)
            counts[base] = number + 1
            step = f"{base}_{number}" if number else base
            self._visit(value, f"{place}/{step}", below.get(step, {}))

    def _vote(self, name: str, below: _Tree) -> None:
        """Take into account that an attribute with layers is a place, or is none."""
        if name.startswith("_"):
            return  # Keras 3 comes to these last, whatever they are called
        if name in below:
            self._here.append(1 if name > _LAYERS else -1)
        if name in below or _LAYERS in below:
            self._votes.append(1 if (name in below) == (name > _LAYERS) else -1)


def reorders(objects: Iterable[Any]) -> bool:
    """Tell whether Keras 2 lists the layers of one of these in another order than Keras 3."""
    for value in objects:
        if _is_graph(value):
            continue
        dicts = [held for held in _containers(value) if isinstance(held, dict)]
        if any(list(_layers_in(held)) != _unsorted(held) for held in dicts):
            return True
        if isinstance(value, require_keras().Model):
            layers = list(value.layers)
            if _layers_of(value) != layers or _is_ambiguous(value, layers):
                return True
    return False


def _unsorted(held: dict[Any, Any]) -> list[Any]:
    return [layer for one in held.values() for layer in _layers_in(one)]


def _is_saved(value: Any) -> bool:
    return hasattr(value, "save_own_variables") and not isinstance(value, type)


def _holding_layers(value: Any) -> list[str]:
    """Name the attributes that hold layers with weights, in lists and dicts too."""
    if not isinstance(value, require_keras().Model):
        return []
    weighted = {id(layer) for layer in value.layers if layer.weights}
    return [
        name
        for name, held in vars(value).items()
        if any(id(layer) in weighted for layer in _layers_in(held))
    ]


def _attribute(value: Any, name: str) -> Any:
    """Give what an object holds by a name; what was private in one release is public in another."""
    if name == _LAYERS and isinstance(value, require_keras().Model):
        return _layers_of(value)
    plain = name.lstrip("_")
    return next((vars(value)[n] for n in (name, plain, f"_{plain}") if n in vars(value)), None)


def _layers_of(model: Any) -> list[Any]:
    """Give a model's layers in the order of Keras 2: those of a dict by their keys."""
    if _is_graph(model):
        return list(model.layers)
    listed = {id(layer): layer for layer in model.layers}
    dicts = [list(_layers_in(held)) for held in _containers(model) if isinstance(held, dict)]
    of_dict = {id(layer): held for held in dicts for layer in held if id(layer) in listed}
    found: dict[int, Any] = {}
    for number, layer in listed.items():
        found |= {id(one): one for one in of_dict.get(number, [layer])}
    return list(found.values())


def _is_ambiguous(model: Any, layers: Iterable[Any]) -> bool:
    """Tell whether some of a model's layers may have stood in another order in Keras 2.

    It lists what is appended to a list where the list is, and Keras 3 where it is appended: what
    is alike and stands before a list may have stood behind it.
    """
    container = {id(layer): id(held) for held in _containers(model) for layer in _layers_in(held)}
    before: dict[tuple[Any, ...], set[int]] = {}
    for layer in layers:
        alike = type(layer), *(tuple(weight.shape) for weight in layer.weights)
        own = container.get(id(layer), 0)
        if layer.weights and own and before.get(alike, set()) - {own}:
            return True
        before.setdefault(alike, set()).add(own)
    return False


def _containers(value: Any) -> list[Any]:
    """Give the lists and dicts that somebody gave an object: Keras tracks what is in them.

    TensorFlow keeps a dict of its own beside them, of whatever an object holds.
    """
    return [
        held
        for name, held in vars(value).items()
        if isinstance(held, list | dict)
        and type(held) not in (list, dict)
        and not name.startswith("_self_")
    ]


def _is_graph(value: Any) -> bool:
    """Tell whether an object is a Functional model, whose layers are in the order of its config."""
    return hasattr(value, "operations")


def _layers_in(value: Any) -> Iterator[Any]:
    if isinstance(value, require_keras().Layer):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _layers_in(one)
    elif isinstance(value, dict):
        for _, one in sorted(value.items(), key=lambda item: str(item[0])):
            yield from _layers_in(one)


def _snake(name: str) -> str:
    """Spell the name of a class as Keras does in places: `Conv2DTranspose`, `conv2d_transpose`."""
    parted = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name))
    return re.sub(r"\W+", "", parted).lower()
