"""Where Keras 2.12 stored what belongs to a layer, and where later releases look for it.

It called the list of a model's layers by another name, and listed layers with weights twice, so
that the numbers in their names have gaps.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from bundlekit_keras import hdf5
from bundlekit_keras.addresses import VARIABLES
from bundlekit_keras.keras_file import ASSETS, WEIGHTS
from bundlekit_keras.numbered import natural, ranked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bundlekit.source import Buffer

_OLD_LAYERS = "_layer_checkpoint_dependencies"
"""What Keras 2.12 called the layers of a model."""


def modern_places(places: Iterable[str], listed: Iterable[str] | None = None) -> dict[str, str]:
    """Give the places of Keras 2.12's files as later releases call them, by what they are called.

    Other places stay as they are.

    Args:
        places: of layers, or of what is inside of them.
        listed: all places of layers in the file of weights, those without weights too, where
            `places` are not these: their numbers tell the gaps.
    """
    split = {place: place.split("/") for place in places}
    siblings: dict[tuple[str, ...], set[str]] = {}
    for steps in split.values() if listed is None else (place.split("/") for place in listed):
        for index, step in enumerate(steps[:-1]):
            if step == _OLD_LAYERS:
                siblings.setdefault(tuple(steps[: index + 1]), set()).add(steps[index + 1])
    ranks = {parent: ranked(sorted(names, key=natural)) for parent, names in siblings.items()}

    def modern(steps: list[str]) -> Iterator[str]:
        for index, step in enumerate(steps):
            if index and steps[index - 1] == _OLD_LAYERS:
                base, rank = ranks.get(tuple(steps[:index]), {}).get(step, (step, 0))
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
        (
            path.removeprefix(ASSETS).rpartition("/")[0]
            for path in members
            if path.startswith(ASSETS)
        ),
        places,
    )
    for folder, modern in folders.items():
        for path in [path for path in found if path.rpartition("/")[0] == ASSETS + folder]:
            found[f"{ASSETS}{modern}/{path.rpartition('/')[2]}"] = found.pop(path)
    return found
