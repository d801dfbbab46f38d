"""Where Keras 2 stored what belongs to a layer, and which layer of today's that is.

Keras names places by attributes, `norm`, and what no attribute has named yet by its class and a
number in a list, `layers/dense_1`. Keras 2.12 called that list by another name and listed layers
with weights twice. From 2.13 on, attributes came in reverse order: what Keras 3 has below an
attribute they have below `layers`, and the other way round.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from bundlekit_keras import hdf5
from bundlekit_keras.addresses import VARIABLES
from bundlekit_keras.keras_file import ASSETS, WEIGHTS
from bundlekit_keras.numbered import natural, ranked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bundlekit.source import Buffer

    _Tree = dict[str, "_Tree"]

_OLD_LAYERS = "_layer_checkpoint_dependencies"
"""What Keras 2.12 called the layers of a model."""
_LAYERS = "layers"


def modern_places(places: Iterable[str]) -> dict[str, str]:
    """Give the places of Keras 2.12's files as later releases call them, by what they are called.

    Other places stay as they are.
    """
    split = {place: place.split("/") for place in places}
    siblings: dict[tuple[str, ...], set[str]] = {}
    for steps in split.values():
        for index, step in enumerate(steps[:-1]):
            if step == _OLD_LAYERS:
                siblings.setdefault(tuple(steps[: index + 1]), set()).add(steps[index + 1])
    ranks = {parent: ranked(sorted(names, key=natural)) for parent, names in siblings.items()}

    def modern(steps: list[str]) -> Iterator[str]:
        for index, step in enumerate(steps):
            if index and steps[index - 1] == _OLD_LAYERS:
                base, rank = ranks[tuple(steps[:index])][step]
                yield f"{base}_{rank}" if rank else base
            else:
                yield "layers" if step == _OLD_LAYERS else step

    return {place: "/".join(modern(steps)) for place, steps in split.items()}


def renamed(members: Mapping[str, Buffer]) -> Mapping[str, Buffer]:
    """Give the members of a `.keras` file with everything in the places of later releases."""
    import h5py

    with hdf5.opened(members[WEIGHTS], WEIGHTS) as file:
        old: list[str] = []
        file.visit(lambda place: old.append(place) if place.endswith(f"/{VARIABLES}") else None)
        places = modern_places(place.removesuffix(f"/{VARIABLES}") for place in old)
        if all(place == modern for place, modern in places.items()):
            return members
        target = io.BytesIO()
        with hdf5.parsing(WEIGHTS), h5py.File(target, "w") as copy:
            if VARIABLES in file:
                file.copy(VARIABLES, copy)
            for place, modern in places.items():
                file.copy(f"{place}/{VARIABLES}", copy, name=f"{modern}/{VARIABLES}")
    found = {**members, WEIGHTS: target.getvalue()}
    folders = modern_places(
        path.removeprefix(ASSETS).rpartition("/")[0] for path in members if path.startswith(ASSETS)
    )
    for folder, modern in folders.items():
        for path in [path for path in found if path.rpartition("/")[0] == ASSETS + folder]:
            found[f"{ASSETS}{modern}/{path.rpartition('/')[2]}"] = found.pop(path)
    return found


def walked(target: Any, places: Iterable[str]) -> dict[str, Any]:
    """Give the layers of a live object by the places that Keras 2.13 to 2.15 gave them.

    Nothing is given where the places do not show that one of these was the writer.

    Args:
        target: a model or layer.
        places: those in the file.
    """
    tree: _Tree = {}
    for place in places:
        below = tree
        for step in filter(None, place.split("/")):
            below = below.setdefault(step, {})
    walk = _Walk()
    walk.visit(target, "", tree)
    return walk.found if walk.backwards > 0 else {}


class _Walk:
    """The way of these releases through an object, as far as a file has places on it."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.backwards = 0
        """How many layers are where this way puts them, less those where Keras 3 puts them."""
        self._seen: set[int] = set()

    def visit(self, value: Any, place: str, below: _Tree) -> None:
        """Visit an object that is stored at a place, and all that is stored below it."""
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        self.found[place] = value
        self.backwards += sum(_told(name, below) for name in _holding_layers(value))
        for name in sorted(below, reverse=True):
            child = _attribute(value, name)
            inside = f"{place}/{name}" if place else name
            if isinstance(child, dict):
                self._visit_all(child.values(), inside, below[name])
            elif isinstance(child, list | tuple | set):
                self._visit_all(child, inside, below[name])
            elif _is_saved(child):
                self.visit(child, inside, below[name])

    def _visit_all(self, values: Iterable[Any], place: str, below: _Tree) -> None:
        counts: dict[str, int] = {}
        for value in values:
            if not _is_saved(value) or id(value) in self._seen:
                continue
            base = snake(type(value).__name__)
            number = counts.get(base, 0)
            counts[base] = number + 1
            step = f"{base}_{number}" if number else base
            self.visit(value, f"{place}/{step}", below.get(step, {}))


def _is_saved(value: Any) -> bool:
    return hasattr(value, "save_own_variables") and not isinstance(value, type)


def _holding_layers(value: Any) -> list[str]:
    """Name the public attributes that hold layers with weights."""
    layers = {id(layer) for layer in getattr(value, _LAYERS, None) or () if layer.weights}
    return [name for name, held in vars(value).items() if id(held) in layers]


def _told(name: str, below: _Tree) -> int:
    """Tell what it says of the way that an attribute is a place or is none: 1, -1, or nothing."""
    if name.startswith("_"):
        return 0  # Keras 3 comes to these last, whatever they are called
    if name not in below and _LAYERS not in below:
        return 0  # it is stored nowhere
    return 1 if (name in below) == (name > _LAYERS) else -1


def _attribute(value: Any, name: str) -> Any:
    """Give what an object holds by a name; what was private in one release is public in another."""
    if name == _LAYERS:
        return getattr(value, name, None)
    plain = name.lstrip("_")
    return next((vars(value)[n] for n in (name, plain, f"_{plain}") if n in vars(value)), None)


def snake(name: str) -> str:
    """Spell the name of a class as Keras does in places: `Conv2DTranspose`, `conv2d_transpose`."""
    parted = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name))
    return re.sub(r"\W+", "", parted).lower()
