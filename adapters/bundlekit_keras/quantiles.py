"""What `Discretization` of Keras 2 learned: a summary of quantiles, which it stored as a weight.

Keras 3 keeps the boundaries in the config instead, and still makes them of such a summary; but it
counts the summary among no layer's weights.
"""

from __future__ import annotations

from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Any

from bundlekit.errors import NotRestorable
from bundlekit_keras import addresses, pairing
from bundlekit_keras.framework import require_keras
from bundlekit_keras.numbered import natural, ranked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

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
    if stored.by_layer:
        left = [one for one in left if (one.name or "").rpartition("/")[2] == "summary"]
    if not left:
        return []
    if not stored.by_layer:
        slots, _ = addresses.slots_of(target)
        walk = pairing.walk_of(stored, target, slots)
        places: Mapping[str, Any] = walk.found if walk else addresses.places(target)
    else:
        places = _by_layer(stored, left, list(getattr(target, "layers", ())))
    pairs = ((one, places.get(one.group)) for one in left)
    return [(one, layer) for one, layer in pairs if _learns(layer)]


def _by_layer(
    stored: Stored, left: Sequence[StoredTensor], layers: Sequence[Any]
) -> Mapping[str, Any]:
    """Give the layers by the groups of a file: by position, by name, or by the number in a name."""
    if stored.by_position:
        same = len(stored.layers) == len(layers)
        return dict(zip(stored.layers, layers, strict=True)) if same else {}
    named = {layer.name: layer for layer in layers if _learns(layer)}
    groups = [one.group for one in left]
    if set(groups) <= set(named):
        return named
    ranks = ranked(sorted(named, key=natural))
    by_rank = {rank: named[name] for name, rank in ranks.items()}
    return {
        group: by_rank.get(rank)
        for group, rank in ranked(sorted(groups, key=natural)).items()
        if len(groups) == len(named)
    }


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
