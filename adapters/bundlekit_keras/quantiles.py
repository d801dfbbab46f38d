"""What `Discretization` of Keras 2 learned: a summary of quantiles, which it stored as a weight.

Keras 3 keeps the boundaries in the config instead, and still makes them of such a summary; but it
counts the summary among no layer's weights.
"""

from __future__ import annotations

from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Any

from bundlekit.errors import NotRestorable
from bundlekit_keras import addresses, older_places
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from bundlekit_keras.stored import Stored, StoredTensor

    Summaries = Sequence[tuple[StoredTensor, Any]]


def summaries(stored: Stored, taken: Collection[int], target: Any) -> Summaries:
    """Pair the summaries of a file with the layers that they belong to.

    Args:
        stored: the file.
        taken: the arrays, by `id`, that belong to variables.
        target: the live model.
    """
    left = [one for one in stored.weights if id(one) not in taken and _is_summary(one)]
    if not left:
        return []
    if stored.by_layer:
        learning = [layer for layer in getattr(target, "layers", ()) if _learns(layer)]
        return list(zip(left, learning, strict=True)) if len(left) == len(learning) else []
    groups = [one.group for one in stored.weights]
    places = older_places.walked(target, groups) or addresses.places(target)
    pairs = ((one, places.get(one.group)) for one in left)
    return [(one, layer) for one, layer in pairs if _learns(layer)]


@contextmanager
def loaded(pairs: Summaries) -> Iterator[None]:
    """Let the layers make their boundaries of the summaries; after an error they are as they were.

    Raises:
        NotRestorable: one is no summary of what was learned.
    """
    before = [(layer, layer.summary, layer.bin_boundaries) for _, layer in pairs]
    try:
        for one, layer in pairs:
            _learn(one, layer)
        yield
    except BaseException:
        for layer, summary, boundaries in before:
            layer.summary, layer.bin_boundaries = summary, boundaries
        raise


def _learn(one: StoredTensor, layer: Any) -> None:
    try:
        layer.load_own_variables({"0": one.read()})
        layer.finalize_state()
        bounds = layer.bin_boundaries
        learned = bool(bounds) and all(map(isfinite, bounds)) and bounds == sorted(bounds)
    except Exception as error:
        raise NotRestorable(f"{one.path} is no summary for {layer.name!r}: {error}") from error
    if not learned:
        raise NotRestorable(
            f"{one.path} makes the boundaries {bounds} for {layer.name!r}; expected numbers that "
            f"grow: the layer was not adapted, or the file was changed"
        )


def _learns(layer: Any) -> bool:
    return isinstance(layer, require_keras().layers.Discretization) and bool(layer.num_bins)


def _is_summary(one: StoredTensor) -> bool:
    return len(one.shape) == 2 and one.shape[0] == 2 and one.dtype.startswith("float")
