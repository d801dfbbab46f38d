"""What tests compare of an estimator: everything in it, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit_composite.observe import CompositeObserver

from bundlekit.testing.comparison import Observation

if TYPE_CHECKING:
    from collections.abc import Sequence

_ANSWERING = ("predict", "predict_proba", "decision_function", "transform")


class SklearnObserver(CompositeObserver):
    """Sees parameters and fitted attributes, models inside, and predictions."""

    def behaviour(self, obj: Any, inputs: Any, targets: Any) -> Sequence[Observation]:
        """See what every method answers that answers at all."""
        import numpy as np

        return [
            Observation(method, np.asarray(getattr(obj, method)(inputs)))
            for method in _ANSWERING
            if hasattr(obj, method)
        ]
