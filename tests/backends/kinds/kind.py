"""What a kind of model is: a function that makes and trains one, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Made: TypeAlias = "tuple[Any, Any, Any]"
"""A model, inputs, and targets or `None` of a model that is not compiled."""

FLOAT32 = 1e-5
"""How far predictions may be apart, as a share of the largest; see docs/backends.md."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of model.

    Attributes:
        name: that of the function that makes it.
        make: gives a compiled and briefly trained model, inputs, and targets.
        unable: why a backend cannot have such a model, by backend.
        untrained: why a backend has it and cannot train it, by backend.
        tolerance: how far predictions of two backends may be apart, as a share of the largest.
        custom_objects: names of classes in `tests.backends.own` that the reader gives.
        trust: what the reader trusts instead.
        tensorflow: why Keras itself imports TensorFlow for such a model, under any backend.
    """

    name: str
    make: Callable[[], Made]
    unable: Mapping[str, str]
    untrained: Mapping[str, str]
    tolerance: float
    custom_objects: tuple[str, ...]
    trust: tuple[str, ...]
    tensorflow: str


KINDS: dict[str, Kind] = {}


def kind(
    *,
    unable: Mapping[str, str] | None = None,
    untrained: Mapping[str, str] | None = None,
    tolerance: float = FLOAT32,
    custom_objects: tuple[str, ...] = (),
    trust: tuple[str, ...] = (),
    tensorflow: str = "",
) -> Callable[[Callable[[], Made]], Callable[[], Made]]:
    """Note a function as a kind of model, under its own name; see `Kind`."""

    def noted(make: Callable[[], Made]) -> Callable[[], Made]:
        name = make.__name__
        assert name not in KINDS, f"two kinds are called {name}"
        KINDS[name] = Kind(
            name=name,
            make=make,
            unable=unable or {},
            untrained=untrained or {},
            tolerance=tolerance,
            custom_objects=custom_objects,
            trust=trust,
            tensorflow=tensorflow,
        )
        return make

    return noted


def trained(
    model: Any,
    inputs: Any,
    targets: Any,
    optimizer: Any,
    loss: Any = "mse",
    *,
    steps: int = 2,
    **compiled: Any,
) -> Made:
    """Compile a model and train it, as fast as its few steps can be had."""
    model.compile(optimizer, loss, **{"run_eagerly": is_faster_op_by_op(), **compiled})
    for _ in range(steps):
        model.train_on_batch(inputs, targets)
    if not steps:
        model(inputs)
    return model, inputs, targets


def is_faster_op_by_op() -> bool:
    """Whether few steps are faster op by op; JAX compiles each op, and so a whole step is less."""
    return bool(keras.backend.backend() != "jax")


def numbers(*shape: int) -> Any:
    return np.random.default_rng(7).normal(size=shape).astype("float32")


def classes(count: int, *shape: int) -> Any:
    return np.random.default_rng(8).integers(0, count, shape).astype("int32")
