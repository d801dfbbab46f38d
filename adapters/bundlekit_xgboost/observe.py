"""What tests compare of a booster of XGBoost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.testing.comparison import Observation

if TYPE_CHECKING:
    from collections.abc import Sequence


class XGBoostObserver:
    """Sees the trees, the names of features, the attributes, and predictions."""

    def state(self, obj: Any) -> Sequence[Observation]:
        """See what the booster is made of."""
        return [
            Observation("trees", "\n".join(obj.get_dump(with_stats=True))),
            Observation("features", f"{obj.feature_names} {obj.feature_types}"),
            Observation("attributes", str(sorted(obj.attributes().items()))),
        ]

    def behaviour(self, obj: Any, inputs: Any, targets: Any) -> Sequence[Observation]:
        """See its predictions."""
        import xgboost

        return [Observation("prediction", obj.predict(xgboost.DMatrix(inputs)))]

    def surroundings(self) -> Sequence[Observation]:
        """See nothing: XGBoost shares nothing with the process."""
        return ()
