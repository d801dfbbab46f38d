"""What tests compare of an estimator: everything in it, and what it answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bundlekit_composite.observe import CompositeObserver

from bundlekit.testing.comparison import Observation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LEFT_OUT = re.compile(r"\._stop_words_id$|\(0\)\.state\[1\]")
"""Addresses; and what new generators would be spawned from, which skops keeps of one kind alone."""
_ANSWERING = ("predict", "predict_proba", "decision_function", "transform")


class SklearnObserver(CompositeObserver):
    """Sees parameters and fitted attributes, models inside, and predictions."""

    def state(self, obj: Any) -> Sequence[Observation]:
        """See everything in it that another process could have."""
        return [
            part
            for one in super().state(obj)
            if not _LEFT_OUT.search(one.place)
            for part in _fields(one)
        ]

    def behaviour(self, obj: Any, inputs: Any, targets: Any) -> Sequence[Observation]:
        """See what every method answers that answers at all; nothing where there is no input."""
        import numpy as np

        if inputs is None:
            return []
        return [
            Observation(method, np.asarray(_dense(getattr(obj, method)(inputs))))
            for method in _ANSWERING
            if hasattr(obj, method)
        ]


def _dense(answer: Any) -> Any:
    return answer.toarray() if hasattr(answer, "toarray") else answer


def _fields(seen: Observation) -> Iterator[Observation]:
    # Each on its own, since what lies between them is memory that nobody has written to.
    value: Any = seen.value
    names = None if isinstance(value, str) else value.dtype.names
    if names is None:
        yield seen
        return
    for name in names:
        yield Observation(f"{seen.place}[{name!r}]", value[name], seen.label)
