"""What tests see of what the adapter takes and gives back.

A model and the program that comes back of it have only behaviour in common: predictions. Models of
tf_keras come back whole, so their config, variables, optimizer and next two training steps are seen
as well; of the second one, since the first one with a new Adam looks like any other.
"""

from __future__ import annotations

import json
import random
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit.testing.comparison import Observation
from bundlekit_tensorflow.framework import is_a
from bundlekit_tensorflow.inference import InferenceModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class SavedModelObserver:
    """Sees models of Keras 3 and tf_keras, modules, and what they come back as."""

    def state(self, obj: Any) -> Sequence[Observation]:
        """See config, compile arguments, variables and optimizer of a model of tf_keras.

        Of anything else, the values of its variables as a sum: a program holds the same ones, in
        an order and under names of its own.
        """
        if is_a(obj, "tf_keras", "Model"):
            return _keras_state(obj)
        return [Observation("values of variables", _total(_variables(obj)))]

    def behaviour(self, obj: Any, inputs: Any, targets: Any) -> Sequence[Observation]:
        """See predictions, by signature where there are several; of tf_keras, two more steps."""
        if isinstance(inputs, dict) and all(isinstance(v, tuple) for v in inputs.values()):
            return [
                seen
                for name, arguments in inputs.items()
                for seen in _flat(f"{name}", _signature(obj, name)(*arguments))
            ]
        if not is_a(obj, "tf_keras", "Model"):
            return _flat("predictions", _call(obj, inputs))
        predictions = obj.predict(inputs, verbose=0)
        seen = _flat("predictions", predictions)
        if getattr(obj, "optimizer", None) is not None:
            wanted = _made_up(predictions) if targets is None else targets
            with _put_back(obj):
                for step in (1, 2):
                    losses = obj.train_on_batch(inputs, wanted)
                    seen += _flat(f"step {step}", losses)
                seen += _flat("after two steps", obj.predict(inputs, verbose=0))
        return seen

    def surroundings(self) -> Sequence[Observation]:
        """See the registries, automatic names and random states of the process."""
        import numpy as np

        kind, keys, *rest = np.random.get_state()
        seen = [
            Observation("python random", str(random.getstate())),
            Observation("numpy random", f"{kind} {np.asarray(keys).tolist()} {rest}"),
        ]
        for package in ("keras", "tf_keras"):
            saving = getattr(sys.modules.get(package), "saving", None)
            if saving is not None:
                registered = {name: repr(obj) for name, obj in saving.get_custom_objects().items()}
                seen.append(Observation(f"{package} registry", str(sorted(registered.items()))))
        if "keras" in sys.modules:
            from bundlekit_keras import internals

            seen.append(Observation("keras names", str(internals.name_counters())))
            seen.append(Observation("keras random", str(internals.global_seed())))
        backend: Any = getattr(sys.modules.get("tf_keras.src"), "backend", None)
        graph = getattr(getattr(backend, "_GRAPH", None), "graph", None)
        counters = {} if graph is None else backend.PER_GRAPH_OBJECT_NAME_UIDS.get(graph, {})
        seen.append(Observation("tf_keras names", str(sorted(counters.items(), key=str))))
        return seen


def _keras_state(model: Any) -> list[Observation]:
    seen = [Observation("config", _text(model.get_config()))]
    if getattr(model, "optimizer", None) is not None:
        seen.append(Observation("optimizer/config", _text(model.optimizer.get_config())))
        seen += _values("optimizer", _optimizer_variables(model.optimizer))
    return seen + _values("variables", [v for v in model.weights if hasattr(v, "shape")])


def _optimizer_variables(optimizer: Any) -> list[Any]:
    found = optimizer.variables
    return list(found() if callable(found) else found)


def _values(place: str, variables: Sequence[Any]) -> list[Observation]:
    return [
        Observation(f"{place}/{number}", variable.numpy().copy(), variable.name)
        for number, variable in enumerate(variables)
    ]


def _variables(obj: Any) -> list[Any]:
    if not isinstance(obj, InferenceModel):
        return list(obj.variables)
    found = {id(v): v for one in obj.signatures.values() for v in one.variables}
    return list(found.values())


def _total(variables: Sequence[Any]) -> Any:
    import numpy as np

    arrays = [np.asarray(v).astype("float64") for v in variables if np.asarray(v).dtype.kind == "f"]
    return np.asarray(sorted(float(np.abs(array).sum()) for array in arrays if array.size > 1))


def _signature(obj: Any, name: str) -> Any:
    return obj.signatures[name] if hasattr(obj, "signatures") else getattr(obj, name)


def _call(obj: Any, inputs: Any) -> Any:
    if is_a(obj, "keras", "Model"):
        from bundlekit_keras.observe import _tensors

        return obj.predict(_tensors(inputs), verbose=0)
    return obj.predict(inputs) if hasattr(obj, "predict") else obj(inputs)


def _flat(place: str, structure: Any) -> list[Observation]:
    import numpy as np

    if isinstance(structure, dict):
        return [
            seen for key in sorted(structure) for seen in _flat(f"{place}/{key}", structure[key])
        ]
    if isinstance(structure, list | tuple):
        pairs = enumerate(structure)
        return [seen for number, child in pairs for seen in _flat(f"{place}/{number}", child)]
    return [Observation(place, np.asarray(structure))]


def _made_up(structure: Any) -> Any:
    if isinstance(structure, dict):
        return {key: _made_up(child) for key, child in structure.items()}
    if isinstance(structure, list | tuple):
        return [_made_up(child) for child in structure]
    return (structure * 0.5).astype(structure.dtype)


@contextmanager
def _put_back(model: Any) -> Iterator[None]:
    if hasattr(model.optimizer, "build"):
        model.optimizer.build(model.trainable_variables)
    variables = [v for v in model.weights if hasattr(v, "shape")]
    variables += _optimizer_variables(model.optimizer)
    before = [(variable, variable.numpy().copy()) for variable in variables]
    try:
        yield
    finally:
        model.reset_metrics()
        for variable, value in before:
            variable.assign(value)


def _text(config: Any) -> str:
    return json.dumps(_plain(config), sort_keys=True, default=lambda obj: type(obj).__name__)


def _plain(config: Any) -> Any:
    """Leave out the shapes that a layer was built for: tf_keras notes them in live models only."""
    if isinstance(config, dict):
        plain = {key: _plain(child) for key, child in config.items() if key != "build_config"}
        if isinstance(plain.get("function"), dict | list):
            plain["function"] = "bytecode"  # which depends on how the lambda was made
        return plain
    return [_plain(child) for child in config] if isinstance(config, list | tuple) else config
