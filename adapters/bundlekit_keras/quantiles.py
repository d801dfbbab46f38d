"""What `Discretization` of Keras 2 learned: a summary of quantiles, which it stored as a weight.

Keras 3 keeps the boundaries in the config instead, and still makes them of such a summary; but it
counts the summary among no layer's weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit_keras import addresses, older_places
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

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


def load(pairs: Summaries) -> None:
    """Let the layers make their boundaries of the summaries."""
    for one, layer in pairs:
        layer.load_own_variables({"0": one.read()})
        layer.finalize_state()


def _learns(layer: Any) -> bool:
    return isinstance(layer, require_keras().layers.Discretization) and bool(layer.num_bins)


def _is_summary(one: StoredTensor) -> bool:
    return len(one.shape) == 2 and one.shape[0] == 2 and one.dtype.startswith("float")
