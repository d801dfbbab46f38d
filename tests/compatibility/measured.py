"""What a model does with the fixed batch of its folder, in the terms of the writer's record."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.compatibility.files import Recorded

    Array = np.ndarray[Any, np.dtype[Any]]
    Arrays = dict[str, Array]


class Batch:
    """The fixed batch: inputs and targets as models take them, and the outputs that are right."""

    def __init__(self, file: Recorded) -> None:
        with np.load(file.folder / "io.npz") as stored:
            arrays = dict(stored)
        self._by_keras2 = file.meta["writer"]["keras"].startswith("2.")
        self.outputs: list[str] = file.meta["outputs"]
        self._inputs = _prefixed(arrays, "in_")
        self._targets = _prefixed(arrays, "target_")
        self._by_name = bool(file.meta.get("dict_targets"))
        self.out = _prefixed(arrays, "out_")
        self.after = _prefixed(arrays, "after_")

    @property
    def inputs(self) -> Any:
        """One array, or a list in the model's order; text as TensorFlow's strings."""
        return _fed(list(self._inputs.values()))

    @property
    def inputs_by_name(self) -> dict[str, Any]:
        return {name: _fed([array]) for name, array in self._inputs.items()}

    @property
    def targets(self) -> Any:
        return dict(self._targets) if self._by_name else _fed(list(self._targets.values()))

    def predicted_by(self, model: Any) -> Arrays:
        """Give a Keras model's outputs by name."""
        return named(model.predict_on_batch(self.inputs), self.outputs)

    def called(self, model: Any) -> Arrays:
        """Give a Keras model's outputs by name, and leave no compiled function behind."""
        return named(model(self.inputs, training=False), self.outputs)

    def inferred_by(self, served: Any) -> Arrays:
        """Give the outputs of something that only has `predict`.

        Several inputs go by name, or in order where the signature has no names.
        """
        if len(self._inputs) == 1:
            return named(served.predict(self.inputs), self.outputs)
        try:
            got = served.predict(self.inputs_by_name)
        except (TypeError, ValueError):
            got = served.predict(self.inputs)
        return named(got, self.outputs)

    def step(self, model: Any) -> float:
        """Train on the batch once, as `fit` does; give the loss."""
        model.reset_metrics()
        summed = self._by_keras2 and not of_tf_keras(model)
        with _summed_gradients(model.optimizer) if summed else nullcontext():
            got = model.train_on_batch(self.inputs, self.targets, return_dict=True)
        if hasattr(model.optimizer, "finalize_variable_values"):  # running averages
            model.optimizer.finalize_variable_values(model.trainable_weights)
        return float(got["loss"])

    def evaluated(self, model: Any) -> dict[str, float]:
        """Give loss and metrics by name, in lower case: `"Recall"` is `recall` in Keras 2 alone."""
        model.reset_metrics()
        got = model.test_on_batch(self.inputs, self.targets, return_dict=True)
        return {name.lower(): float(value) for name, value in got.items()}


def named(got: Any, names: Sequence[str]) -> Arrays:
    """Give outputs by the record's names.

    A signature may name outputs in its own way; those stand in the order of the rest.
    """
    if isinstance(got, dict):
        others = iter([key for key in got if key not in names])
        ordered = [got[name] if name in got else got[next(others)] for name in names]
    else:
        ordered = list(got) if isinstance(got, list | tuple) else [got]
    return {
        name: np.asarray(array).astype("float32")
        for name, array in zip(names, ordered, strict=True)
    }


def of_tf_keras(model: Any) -> bool:
    """Say whether a model is one of Keras 2, which older files may come back as."""
    return any(kind.__module__.startswith("tf_keras.") for kind in type(model).__mro__)


def is_compiled(model: Any) -> bool:
    """Say whether a model can train on."""
    return bool(model._is_compiled if of_tf_keras(model) else model.compiled)


def iterations(model: Any) -> int:
    """Give the number of steps that a model's optimizer has taken."""
    return int(np.asarray(model.optimizer.iterations))


def recorded_iterations(meta: Mapping[str, Any]) -> int:
    """Give the number of steps that the writer's optimizer had taken.

    Keras 3.0 and 3.3 do not count the steps of an optimizer that wraps another, which counts them.
    """
    counters = [
        int(entry["abs_sum"])
        for entry in meta["optimizer_variables"]
        if entry["name"].split("/")[-1].startswith("iteration") and "int" in entry["dtype"]
    ]
    return max([int(meta["optimizer_iterations"]), *counters])


def lost_slots(recorded: Sequence[Mapping[str, Any]], model: Any) -> list[str]:
    """Name the recorded variables of the optimizer that no variable of this one's is equal to.

    Names and order are those of each release; what is compared is shape and sum of magnitudes.
    Keras 2 keeps momentum for SGD without any, too.
    """
    if type(model.optimizer).__name__ == "SGD" and not model.optimizer.momentum:
        return []
    here = []
    variables = model.optimizer.variables
    for variable in variables() if callable(variables) else variables:
        value = np.asarray(variable)
        if value.dtype.kind == "f" or "float" in str(value.dtype):
            here.append((list(value.shape), float(np.abs(value.astype("float64")).sum())))
    lost = []
    for entry in recorded:
        if not entry["shape"] or not entry.get("abs_sum"):
            continue  # settings, and what a release may create and never use
        for found in here:
            if found[0] == entry["shape"] and np.isclose(found[1], entry["abs_sum"], rtol=1e-5):
                here.remove(found)
                break
        else:
            lost.append(entry["name"])
    return lost


@contextmanager
def _summed_gradients(optimizer: Any) -> Iterator[None]:
    """Sum the gradients of a row of an embedding that a batch uses more than once.

    Keras 2 does, before it squares them. Keras 3 on TensorFlow squares each of them (3.15.1), so
    that its step from the same state is another one.
    """
    import tensorflow as tf

    apply = optimizer.apply

    def summed(gradients: Sequence[Any], *variables: Any) -> None:
        sparse = tf.IndexedSlices
        apply(
            [tf.convert_to_tensor(g) if isinstance(g, sparse) else g for g in gradients], *variables
        )

    optimizer.apply = summed
    try:
        yield
    finally:
        del optimizer.apply


def _prefixed(arrays: Arrays, prefix: str) -> Arrays:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _fed(arrays: list[Array]) -> Any:
    import tensorflow as tf

    fed: list[Any] = [*arrays]
    if any(array.dtype.kind == "U" for array in arrays):  # Keras takes no mixture
        fed = [
            tf.constant(array.tolist(), dtype=tf.string) if array.dtype.kind == "U" else array
            for array in arrays
        ]
        fed = list(map(tf.convert_to_tensor, fed))
    return fed[0] if len(fed) == 1 else fed
