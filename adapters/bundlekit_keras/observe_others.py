"""What tests compare of what comes back from weights alone, and from a config alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bundlekit.testing.comparison import Observation
from bundlekit_keras import addresses, internals
from bundlekit_keras.framework import require_keras
from bundlekit_keras.observe import KerasObserver, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEARNED = re.compile(r'"vocabulary_size": \d+')
"""What a config says of a layer that was adapted, and no fresh layer can know."""


class WeightsObserver(KerasObserver):
    """Sees the weights of a model, or those that came back without one, by their stored paths."""

    def state(self, obj: Any) -> Sequence[Observation]:
        """See every weight."""
        return [Observation(path, value) for path, value in _weights(obj).items()]

    def behaviour(self, obj: Any, inputs: Any, targets: Any) -> Sequence[Observation]:
        """See nothing: weights alone do nothing."""
        return ()


class ConfigObserver(KerasObserver):
    """Sees what an object of Keras' is made of: class, config, and the shapes of its weights."""

    def state(self, obj: Any) -> Sequence[Observation]:
        """See class and config."""
        with internals.unchanged_names(), internals.tolerating_lambdas():
            seen = [
                Observation("class", type(obj).__name__),
                Observation("config", _LEARNED.sub("", text_of(obj.get_config()))),
            ]
        weights = getattr(obj, "weights", ())
        return seen + [
            Observation(f"shape/{index}", str((tuple(weight.shape), str(weight.dtype))))
            for index, weight in enumerate(weights)
        ]

    def behaviour(self, obj: Any, inputs: Any, targets: Any) -> Sequence[Observation]:
        """See nothing: what a fresh object does depends on its initial weights."""
        return ()


def _weights(obj: Any) -> dict[str, Any]:
    if isinstance(obj, dict):
        return obj
    slots, _ = addresses.slots_of(obj)
    convert = require_keras().ops.convert_to_numpy
    return {slot.path: convert(slot.value) for slot in slots}
