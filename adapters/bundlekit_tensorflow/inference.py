"""What a SavedModel is without the code that built it: an object that predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from bundlekit.errors import InferenceOnly, UnknownSignature
from bundlekit_tensorflow.endpoint import BATCH_SIZE, Endpoint
from bundlekit_tensorflow.framework import require_tensorflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bundlekit.adapter import TensorSpec

DEFAULT = "serving_default"


class InferenceModel:
    """A model restored for inference: callable, with named signatures, and nothing to train.

    Inputs are given as the model took them (an array, a list, a dict), one by one in the model's
    order, or by name; outputs come in the model's own structure.

    Args:
        loaded: what TensorFlow's own loader gave.
        name: the model's name.
        output_names: what the model's outputs are called, in its own order.
        instead: what to use to train it or save it, for the error of whoever tries.

    Attributes:
        signatures: the named signatures, and the functions that a module has under names of its
            own, each callable, with `inputs`, `outputs` and `predict`.

    Example:
        >>> model = bundlekit.unbundle("export.bundle")  # doctest: +SKIP
        >>> model.predict({"left": left, "right": right})  # doctest: +SKIP
        >>> model.signatures["serving_default"].inputs  # doctest: +SKIP
    """

    def __init__(
        self, loaded: Any, name: str | None, output_names: Sequence[str], instead: str
    ) -> None:
        self.name = name
        self._loaded = loaded
        self._instead = instead
        own = next(_own_functions(loaded, output_names), None)
        order = [spec.name for spec in own.inputs] if own else []
        self.signatures: Mapping[str, Endpoint] = _Signatures(
            dict([*_methods(loaded), *_signatures(loaded, order)])
        )
        self._own = own or self.signatures.get(DEFAULT)
        if self._own is None and len(self.signatures) == 1:
            self._own = next(iter(self.signatures.values()))

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Names, dtypes and shapes of the inputs, in the model's order."""
        return self._function().inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Names, dtypes and shapes of the outputs, in the model's order."""
        return self._function().outputs

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Compute the outputs as tensors; see `Endpoint`."""
        return self._function()(*inputs, **named)

    def predict(
        self,
        *inputs: Any,
        batch_size: int | None = BATCH_SIZE,
        signature: str | None = None,
        **named: Any,
    ) -> Any:
        """Compute the outputs as numpy arrays.

        Args:
            *inputs: the inputs.
            batch_size: how many rows are computed at once; `None` for all.
            signature: the name of a signature; by default the model's own function.
            **named: inputs by name.

        Raises:
            InvalidInputs: an input is missing, unknown, or of another shape; it is named.
            UnknownSignature: there is none of this name.
        """
        function = self._function() if signature is None else self.signatures[signature]
        return function.predict(*inputs, batch_size=batch_size, **named)

    def __repr__(self) -> str:
        """Show the name and the signatures."""
        known = ", ".join(self.signatures) or "none"
        return f"<InferenceModel {self.name or ''}, signatures: {known}>".replace(" ,", ",")

    def _function(self) -> Endpoint:
        if self._own is None:
            known = ", ".join(map(repr, self.signatures)) or "none"
            raise UnknownSignature(
                f"this SavedModel does not say which of its signatures is the model; call one by "
                f"name, signatures[name](…); it has {known}",
                known=tuple(self.signatures),
            )
        return self._own

    def _refuse(self, method: str) -> NoReturn:
        raise InferenceOnly(
            f"{method}() is not there: this is a SavedModel restored for inference, which holds "
            f"what the model computes and not how it was made; {self._instead}",
            method=method,
        )

    def fit(self, *_: Any, **__: Any) -> NoReturn:
        """Raise `InferenceOnly`."""
        self._refuse("fit")

    def train_on_batch(self, *_: Any, **__: Any) -> NoReturn:
        """Raise `InferenceOnly`."""
        self._refuse("train_on_batch")

    def evaluate(self, *_: Any, **__: Any) -> NoReturn:
        """Raise `InferenceOnly`."""
        self._refuse("evaluate")

    def test_on_batch(self, *_: Any, **__: Any) -> NoReturn:
        """Raise `InferenceOnly`."""
        self._refuse("test_on_batch")

    def compile(self, *_: Any, **__: Any) -> NoReturn:
        """Raise `InferenceOnly`."""
        self._refuse("compile")

    def save(self, *_: Any, **__: Any) -> NoReturn:
        """Raise `InferenceOnly`."""
        self._refuse("save")

    def save_weights(self, *_: Any, **__: Any) -> NoReturn:
        """Raise `InferenceOnly`."""
        self._refuse("save_weights")

    def load_weights(self, *_: Any, **__: Any) -> NoReturn:
        """Raise `InferenceOnly`."""
        self._refuse("load_weights")

    def export(self, *_: Any, **__: Any) -> NoReturn:
        """Raise `InferenceOnly`."""
        self._refuse("export")

    def get_config(self) -> NoReturn:
        """Raise `InferenceOnly`."""
        self._refuse("get_config")

    def __reduce__(self) -> NoReturn:
        """Raise `InferenceOnly`: it holds memory of TensorFlow's; the bundle is what pickles."""
        self._refuse("pickle")


class _Signatures(dict[str, Endpoint]):
    def __missing__(self, name: str) -> NoReturn:
        known = ", ".join(map(repr, self)) or "none"
        raise UnknownSignature(
            f"there is no signature {name!r}; known are {known}", signature=name, known=tuple(self)
        )


def _signatures(loaded: Any, order: Sequence[str]) -> Iterator[tuple[str, Endpoint]]:
    for name, function in loaded.signatures.items():
        yield name, _of_signature(name, function, order=order)


def _methods(loaded: Any) -> Iterator[tuple[str, Endpoint]]:
    """Yield the functions of a module that were traced once, so that there is one to call."""
    if hasattr(loaded, "keras_api"):
        return  # what Keras 2 keeps there are its own traces of the model
    for name, value in sorted(vars(loaded).items()):
        traces: Sequence[Any] = getattr(value, "concrete_functions", ())
        if not name.startswith("_") and len(traces) == 1:
            yield name, _of_signature(name, traces[0])


def _of_signature(
    name: str, function: Any, output_names: Sequence[str] = (), order: Sequence[str] = ()
) -> Endpoint:
    arguments, outputs = function.structured_input_signature, function.structured_outputs
    return Endpoint(name, function, arguments, outputs, output_names, order)


def _own_functions(loaded: Any, output_names: Sequence[str]) -> Iterator[Endpoint]:
    """Yield the functions that take and give the model's own structures, the likeliest first.

    Keras 3 exports `serve`. Keras 2 keeps the traces of `__call__`: with and without training, and
    with inputs under their own names and under numbers. A module may have just one.
    """
    for name in ("serve", "__call__"):
        traces = list(getattr(getattr(loaded, name, None), "concrete_functions", ()))
        if len(traces) > 1:
            traces = [trace for trace in traces if _is_inference(trace)]
            default = loaded.signatures.get(DEFAULT)
            wanted = set(default.structured_input_signature[1]) if default else set()
            traces.sort(key=lambda trace: _input_names(trace) != wanted)
        if traces:
            yield _of_signature(name, traces[0], output_names)


def _is_inference(trace: Any) -> bool:
    positional, named = trace.structured_input_signature
    if "training" in named:
        return not named["training"]
    return not any(value is True for value in positional)


def _input_names(trace: Any) -> set[str]:
    tf = require_tensorflow()
    leaves = tf.nest.flatten(trace.structured_input_signature)
    return {leaf.name for leaf in leaves if isinstance(leaf, tf.TensorSpec)}
