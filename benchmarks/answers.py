"""What models predict, by which they are told apart."""

from __future__ import annotations

from typing import Any


class Different(Exception):
    """A model came back that is not the one that was kept."""


def answer(model: Any) -> Any:
    """Give what a model predicts of fixed inputs.

    Raises:
        Different: it predicts nothing that would tell it from another.
    """
    import numpy as np
    from keras import ops

    random = np.random.default_rng(0)
    inputs = [random.random((2, *one.shape[1:]), "float32") for one in model.inputs]
    given = ops.convert_to_numpy(model(inputs[0] if len(inputs) == 1 else inputs))
    if not np.isfinite(given).all() or given.std() == 0:
        raise Different(f"{model.name} predicts nothing that tells it from other models")
    return given


def require_same(model: Any, expected: Any, what: str) -> None:
    """Compare what a model predicts with what is expected, bit for bit.

    Raises:
        Different: it predicts something else.
    """
    if answer(model).tobytes() != expected.tobytes():
        raise Different(f"{what}: the model does not predict what the original does")
