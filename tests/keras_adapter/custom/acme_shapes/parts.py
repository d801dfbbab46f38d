"""One class or function of each kind, registered and not."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

register = keras.saving.register_keras_serializable


@register("acme")
class Scale(keras.layers.Layer):
    def __init__(self, factor: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, shape: Any) -> None:
        self.shift = self.add_weight(shape=(shape[-1],), initializer="ones", name="shift")

    def call(self, x: Any) -> Any:
        return x * helped(self.factor) + self.shift

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


def helped(factor: float) -> float:
    """Stand beside the class, where only its module knows it."""
    return factor + 0.5


class Plain(keras.layers.Layer):
    """Not registered."""

    def call(self, x: Any) -> Any:
        return x - 1.0


class Outer:
    class Inner(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 0.25


@register("acme")
class Tower(keras.Model):
    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.inner = keras.layers.Dense(units)

    def call(self, x: Any) -> Any:
        return self.inner(x)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@register("acme")
def squared(x: Any) -> Any:
    return x * x


def halved(x: Any) -> Any:
    return x / 2.0


def relu(x: Any) -> Any:
    """Have the name of one of Keras' functions, and do something else."""
    return x * 7.0


@register("acme")
class Ramp(keras.initializers.Initializer):
    def __init__(self, step: float = 0.1) -> None:
        self.step = step

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        size = int(shape[0]) * int(shape[-1])
        return ops.reshape(ops.arange(size, dtype=dtype or "float32"), shape) * self.step

    def get_config(self) -> dict[str, Any]:
        return {"step": self.step}


@register("acme")
class Tiny(keras.regularizers.Regularizer):
    def __init__(self, weight: float = 0.01) -> None:
        self.weight = weight

    def __call__(self, x: Any) -> Any:
        return self.weight * ops.sum(ops.abs(x))

    def get_config(self) -> dict[str, Any]:
        return {"weight": self.weight}


@register("acme")
class Below(keras.constraints.Constraint):
    def __init__(self, limit: float = 0.5) -> None:
        self.limit = limit

    def __call__(self, w: Any) -> Any:
        return ops.minimum(w, self.limit)

    def get_config(self) -> dict[str, Any]:
        return {"limit": self.limit}


@register("acme")
class Cubed(keras.losses.Loss):
    def __init__(self, weight: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weight = weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.weight * ops.mean(ops.abs(ops.subtract(y_true, y_pred)) ** 3, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight": self.weight}


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Have the name of one of Keras' losses."""
    return ops.mean(ops.square(ops.subtract(y_true, y_pred)), axis=-1) * 5.0


@register("acme")
class Largest(keras.metrics.Metric):
    def __init__(self, name: str = "largest", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.found = self.add_weight(initializer="zeros", name="found")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        known = ops.convert_to_tensor(self.found)
        off = ops.abs(ops.subtract(y_true, y_pred))
        self.found.assign(ops.maximum(known, ops.max(off)))

    def result(self) -> Any:
        return ops.convert_to_tensor(self.found)


def off_by(y_true: Any, y_pred: Any) -> Any:
    return ops.mean(ops.abs(ops.subtract(y_true, y_pred)), axis=-1)


@register("acme")
class Slow(keras.optimizers.SGD):
    def __init__(self, learning_rate: Any = 0.01, slowness: float = 2.0, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.slowness = slowness

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        super().update_step(gradient / self.slowness, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "slowness": self.slowness}


@register("acme")
class Steps(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, first: float = 0.1) -> None:
        self.first = first

    def __call__(self, step: Any) -> Any:
        return self.first / (1.0 + ops.cast(step, "float32"))

    def get_config(self) -> dict[str, Any]:
        return {"first": self.first}


@register("acme")
class Policy(keras.dtype_policies.DTypePolicy):
    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}
