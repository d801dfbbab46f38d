"""What tests compare of a booster of LightGBM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.testing.comparison import Observation

if TYPE_CHECKING:
    from collections.abc import Sequence


class LightGBMObserver:
    """Sees the trees, the names of features, the best iteration, and predictions."""

    def state(self, obj: Any) -> Sequence[Observation]:
        """See what the booster is made of."""
        text = obj.model_to_string(num_iteration=-1)
        return [
            Observation("trees", text.partition("\nparameters:")[0]),
            Observation("features", str(obj.feature_name())),
            Observation("best", f"{obj.best_iteration} {_plain(obj.best_score)}"),
        ]

    def behaviour(self, obj: Any, inputs: Any, targets: Any) -> Sequence[Observation]:
        """See its predictions."""
        return [Observation("prediction", obj.predict(inputs))]

    def surroundings(self) -> Sequence[Observation]:
        """See nothing: LightGBM shares nothing with the process."""
        return ()


def _plain(score: Any) -> dict[str, dict[str, float]]:
    # Some releases have numpy's numbers there.
    found = (score or {}).items()
    return {name: {key: float(value) for key, value in one.items()} for name, one in found}
