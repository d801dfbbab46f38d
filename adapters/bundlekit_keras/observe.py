"""What tests compare of a Keras model: all that is in it, and what it does next."""

from __future__ import annotations

import json
import random
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit.testing.comparison import Observation
from bundlekit_keras import internals
from bundlekit_keras.account import account_of
from bundlekit_keras.flags import of as flags_of
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bundlekit_keras.account import Account, Entry

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_BYTECODE = re.compile(r"[4Y]w[A-Za-z0-9+/]{18}")
"""How the base64 of a marshalled function begins, with or without its flag."""


class KerasObserver:
    """Sees a Keras model; variables are placed by their path in it, and labelled by their name."""

    def state(self, obj: Any) -> Sequence[Observation]:
        """See config, compile config, variables, optimizer."""
        with internals.unchanged_names(), internals.tolerating_lambdas():
            seen = [
                Observation("config", text_of(obj.get_config())),
                Observation("compiled", str(bool(obj.compiled))),
            ]
            if obj.compiled:
                seen.append(Observation("compile config", text_of(obj.get_compile_config())))
        account = account_of(obj)
        seen += [
            Observation(f"layer/{place}", f"trainable={flags.trainable}, dtype={flags.dtype}")
            for place, flags in sorted(flags_of(account).items())
        ]
        seen += [
            Observation(f"trainable/{path}", str(bool(entry.variable.trainable)), entry.name)
            for path, entry in sorted(account.entries.items())
            if entry.kind == "weight"
        ]
        return [*seen, *_variables("variable", account)]

    def behaviour(self, obj: Any, inputs: Any, targets: Any) -> Sequence[Observation]:
        """See predictions and, of a compiled model, the next training step."""
        inputs, targets = _tensors(inputs), _tensors(targets)
        with _put_back(obj):
            predictions = obj.predict(inputs, verbose=0)
            seen = _flat("prediction", predictions)
            if not obj.compiled:
                return seen
            targets = _made_up(obj, predictions) if targets is None else targets
            obj.reset_metrics()
            result = obj.train_on_batch(inputs, targets, return_dict=True)
            seen += _flat("next step", result)
            return seen + _variables("next step/variable", account_of(obj))

    def surroundings(self) -> Sequence[Observation]:
        """See Keras' registry and name counters, and the random states of the process."""
        import numpy as np

        keras = require_keras()
        registered = keras.saving.get_custom_objects()
        kind, keys, *rest = np.random.get_state(legacy=True)
        return [
            Observation(
                "registry", str(sorted((name, id(obj)) for name, obj in registered.items()))
            ),
            Observation("names", str(internals.name_counters())),
            Observation("python random", str(random.getstate())),
            Observation("numpy random", f"{kind} {np.asarray(keys).tolist()} {rest}"),
            Observation("keras random", str(internals.global_seed())),
        ]


@contextmanager
def _put_back(model: Any) -> Iterator[None]:
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)  # so that there is something to put back
    held = account_of(model).entries.values()
    before = [(entry.variable, entry.read().copy()) for entry in held]
    try:
        yield
    finally:
        model.reset_metrics()
        for variable, value in before:
            variable.assign(value)


def _variables(place: str, account: Account) -> list[Observation]:
    """See all variables by path.

    Metrics are seen once they have added something up: before, they may not be made yet. So it is
    with the slots of an optimizer before its first step. The running losses of single outputs are
    not kept, as is declared.
    """
    return [
        Observation(f"{place}/{path}", entry.read().copy(), entry.name)
        for path, entry in sorted(account.entries.items())
        if not path.startswith(f"{internals.COMPILED_LOSS}/") and _has_begun(entry)
    ]


def _has_begun(entry: Entry) -> bool:
    if entry.kind == "metric":
        return bool(entry.read().any())
    if entry.kind != "optimizer":
        return True
    steps = entry.owner.variables[0]  # `iterations` may count several of them as one
    return entry.variable is steps or int(steps) > 0


def _flat(place: str, structure: Any) -> list[Observation]:
    import numpy as np

    if isinstance(structure, dict):
        return [seen for key in structure for seen in _flat(f"{place}/{key}", structure[key])]
    if isinstance(structure, list | tuple):
        pairs = enumerate(structure)
        return [seen for index, child in pairs for seen in _flat(f"{place}/{index}", child)]
    return [Observation(place, np.asarray(structure))]


def _tensors(structure: Any) -> Any:
    """Make tensors of arrays of strings, which `predict` does not take as they are."""
    import numpy as np

    keras = require_keras()
    if isinstance(structure, np.ndarray) and structure.dtype.kind in "UO":
        return keras.ops.convert_to_tensor(structure.tolist(), dtype="string")
    if isinstance(structure, dict):
        return {key: _tensors(child) for key, child in structure.items()}
    if isinstance(structure, list | tuple):
        return type(structure)(_tensors(child) for child in structure)
    return structure


def _made_up(model: Any, predictions: Any) -> Any:
    """Make targets that the loss takes: class numbers for sparse losses, else half of it all."""
    with internals.tolerating_lambdas():
        sparse = "sparse" in text_of(model.get_compile_config()).lower()

    def target(prediction: Any) -> Any:
        return prediction.argmax(axis=-1) if sparse else (prediction * 0.5).astype(prediction.dtype)

    return require_keras().tree.map_structure(target, predictions)


def text_of(config: Any) -> str:
    """Write a config as text that is the same in every process."""
    return json.dumps(_comparable(config), sort_keys=True, default=_said)


def _said(obj: Any) -> Any:
    """Say of a live object in a config what it is, and not where it is in memory."""
    if hasattr(obj, "get_config") and not isinstance(obj, type):
        return {"class_name": type(obj).__name__, "config": _comparable(obj.get_config())}
    if isinstance(obj, type) or hasattr(obj, "__qualname__"):
        return obj.__qualname__
    return _ADDRESS.sub("", repr(obj))


def _comparable(config: Any) -> Any:
    """Leave out what is said of the user's classes and is not of the model.

    Under which name a class is registered in this process, and from which module it came, depends
    on the process; bytecode of a lambda depends on how it was made.
    """
    if isinstance(config, list | tuple):
        return [_comparable(child) for child in config]
    if not isinstance(config, dict):
        return config
    if set(config) in ({"value"}, {"code", "defaults", "closure"}):
        code = next(iter(config.values()))
        code = code[0] if isinstance(code, list | tuple) and code else code
        if isinstance(code, str) and _BYTECODE.match(code):
            return "bytecode"
    plain = {key: _comparable(child) for key, child in config.items()}
    if not str(config.get("module")).startswith("keras") and "registered_name" in config:
        plain["module"] = plain["registered_name"] = None
        if isinstance(config.get("config"), str):
            plain["config"] = config["config"].rpartition(">")[2]
    return plain
