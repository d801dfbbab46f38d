"""One function of a SavedModel, callable with inputs in any form that says which is which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bundlekit.adapter import TensorSpec
from bundlekit.errors import InvalidInputs
from bundlekit_tensorflow.framework import require_tensorflow
from bundlekit_tensorflow.structure import filled, leaves

BATCH_SIZE = 32
"""Rows of one call of `predict` unless the caller says otherwise; as in Keras."""


class Endpoint:
    """A signature, or the model's own function.

    Called, it gives tensors; `predict` gives numpy arrays. Inputs are given as the function takes
    them (a single array, a list, a dict), one by one in order, or by name. Arrays are cast to the
    dtype that is declared.

    Args:
        name: what the SavedModel calls it.
        call: the function, as TensorFlow has traced it.
        arguments: positional and named arguments in their structure, with a `TensorSpec` of
            TensorFlow's in the place of each tensor.
        outputs: the structure of what it gives, in the same way.
        output_names: what to call the outputs where the structure does not say.
        order: names of inputs in the order in which they are taken one by one; that of the
            structure otherwise, and where the names are others.

    Attributes:
        name: the same.
        inputs: names, dtypes and shapes of the inputs, in the order in which they are taken.
        outputs: the same of what it gives.
    """

    def __init__(
        self,
        name: str,
        call: Any,
        arguments: tuple[Sequence[Any], Mapping[str, Any]],
        outputs: Any,
        output_names: Sequence[str] = (),
        order: Sequence[str] = (),
    ) -> None:
        tf = require_tensorflow()
        self.name = name
        self._call = call
        self._arguments = arguments
        self._leaves = list(leaves(arguments))
        specs = [leaf for _, leaf in self._leaves if isinstance(leaf, tf.TypeSpec)]
        keys = [key for key, leaf in self._leaves if isinstance(leaf, tf.TypeSpec)]
        names = [getattr(spec, "name", None) or f"input_{n}" for n, spec in enumerate(specs)]
        self._aliases = {**dict(zip(keys, names, strict=True)), **{name: name for name in names}}
        self._names = names
        by_name = dict(zip(names, specs, strict=True))
        wanted = order if sorted(order) == sorted(names) else names
        self._specs = {name: by_name[name] for name in wanted}
        self.inputs = tuple(_spec(name, spec) for name, spec in self._specs.items())
        given = [(key, leaf) for key, leaf in leaves(outputs) if isinstance(leaf, tf.TypeSpec)]
        called = output_names if len(output_names) == len(given) else [""] * len(given)
        self.outputs = tuple(
            _spec(key or name or f"output_{n}", leaf)
            for n, ((key, leaf), name) in enumerate(zip(given, called, strict=True))
        )

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Compute the outputs, in their own structure, as tensors.

        Raises:
            InvalidInputs: an input is missing, unknown, or of another shape; it is named.
        """
        return self._run(self._bound(inputs, named))

    def predict(self, *inputs: Any, batch_size: int | None = BATCH_SIZE, **named: Any) -> Any:
        """Compute the outputs, in their own structure, as numpy arrays.

        Args:
            *inputs: the inputs.
            batch_size: how many rows are computed at once, where inputs and outputs have any
                number of rows; `None` for all.
            **named: inputs by name.

        Raises:
            InvalidInputs: as for a call; inputs of different numbers of rows; no positive size.
        """
        tf = require_tensorflow()
        if batch_size is not None and (type(batch_size) is not int or batch_size < 1):
            raise InvalidInputs(f"batch_size is {batch_size!r}; expected a positive number or None")
        bound = self._bound(inputs, named)
        rows = self._rows(bound)
        if batch_size is None or rows is None or rows <= batch_size:
            return tf.nest.map_structure(_numpy, self._run(bound))
        parts = [
            self._run({name: value[at : at + batch_size] for name, value in bound.items()})
            for at in range(0, rows, batch_size)
        ]
        return tf.nest.map_structure(lambda *each: _numpy(tf.concat(each, 0)), *parts)

    @property
    def variables(self) -> tuple[Any, ...]:
        """The variables that it reads."""
        return tuple(self._call.variables)

    def __repr__(self) -> str:
        """Show names, dtypes and shapes."""
        return f"{self.name}({_listed(self.inputs)}) -> {_listed(self.outputs)}"

    def _run(self, bound: Mapping[str, Any]) -> Any:
        tf = require_tensorflow()
        tensors = iter([bound[name] for name in self._names])
        # One value per leaf, in the order that `leaves` walks them.
        values = iter([next(tensors) if isinstance(x, tf.TypeSpec) else x for _, x in self._leaves])
        positional, named = filled(self._arguments, values)
        return self._call(*positional, **named)

    def _bound(self, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        """Find the value of each input, and make tensors of them."""
        given = self._by_name(inputs, named)
        missing = [name for name in self._specs if name not in given]
        if missing:
            raise InvalidInputs(
                f"the signature {self.name!r} misses the input {', '.join(map(repr, missing))}; "
                f"it takes {_listed(self.inputs)}",
                missing=tuple(missing),
                signature=self.name,
            )
        return {name: self._tensor(name, given[name]) for name in self._specs}

    def _by_name(self, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        if inputs and named:
            raise InvalidInputs(
                f"the signature {self.name!r} was given inputs both in order and by name; give "
                f"all of them in one way"
            )
        if len(inputs) == 1 and isinstance(inputs[0], Mapping):
            named, inputs = inputs[0], ()
        elif len(inputs) == 1 and self._is_list(inputs[0]):
            inputs = tuple(inputs[0])
        if named:
            unknown = [name for name in named if name not in self._aliases]
            if unknown:
                raise InvalidInputs(
                    f"the signature {self.name!r} has no input "
                    f"{', '.join(map(repr, unknown))}; it takes {_listed(self.inputs)}",
                    unknown=tuple(unknown),
                    signature=self.name,
                )
            return {self._aliases[name]: value for name, value in named.items()}
        if len(inputs) > len(self._specs):
            raise InvalidInputs(
                f"the signature {self.name!r} was given {len(inputs)} inputs; it takes "
                f"{len(self._specs)}: {_listed(self.inputs)}",
                signature=self.name,
            )
        return dict(zip(self._specs, inputs, strict=False))

    def _is_list(self, value: Any) -> bool:
        """Tell whether a list holds the inputs, or is the only one."""
        if not isinstance(value, list | tuple):
            return False
        if len(self._specs) != 1:
            return True
        rank = getattr(next(iter(self._specs.values())).shape, "rank", None)
        return len(value) == 1 and getattr(value[0], "ndim", None) == rank

    def _tensor(self, name: str, value: Any) -> Any:
        tf = require_tensorflow()
        spec = self._specs[name]
        if not isinstance(spec, tf.TensorSpec):
            return value  # ragged, sparse, …: TensorFlow's own check has to do
        try:
            tensor = value if tf.is_tensor(value) else tf.convert_to_tensor(_plain(value, spec))
            tensor = tensor if tensor.dtype == spec.dtype else tf.cast(tensor, spec.dtype)
        except (TypeError, ValueError, tf.errors.OpError) as error:
            raise InvalidInputs(
                f"the input {name!r} of the signature {self.name!r} is no tensor of "
                f"{spec.dtype.name}: {error}",
                input=name,
                signature=self.name,
            ) from error
        if not spec.shape.is_compatible_with(tensor.shape):
            raise InvalidInputs(
                f"the input {name!r} of the signature {self.name!r} has the shape "
                f"{tuple(tensor.shape)}; expected {_shape(spec)}",
                input=name,
                signature=self.name,
                found=tuple(tensor.shape),
                expected=_shape(spec),
            )
        return tensor

    def _rows(self, bound: Mapping[str, Any]) -> int | None:
        """Give the number of rows; `None` where the function has no rows to be split."""
        tf = require_tensorflow()
        specs = (*self.inputs, *self.outputs)
        if not bound or any(not spec.shape or spec.shape[0] is not None for spec in specs):
            return None
        if not all(isinstance(spec, tf.TensorSpec) for spec in self._specs.values()):
            return None
        rows = {name: int(value.shape[0]) for name, value in bound.items()}
        if len(set(rows.values())) > 1:
            counted = ", ".join(f"{name!r} has {count}" for name, count in rows.items())
            raise InvalidInputs(
                f"the inputs of the signature {self.name!r} have different numbers of rows: "
                f"{counted}",
                signature=self.name,
            )
        return next(iter(rows.values()))


def _plain(value: Any, spec: Any) -> Any:
    import numpy as np

    tf = require_tensorflow()
    if spec.dtype == tf.string:
        return value.tolist() if isinstance(value, np.ndarray) else value
    return np.asarray(value)


def _numpy(tensor: Any) -> Any:
    return tensor.numpy() if hasattr(tensor, "numpy") else tensor


def _spec(name: str, spec: Any) -> TensorSpec:
    dtype = getattr(getattr(spec, "dtype", None), "name", type(spec).__name__)
    return TensorSpec(name=name, dtype=dtype, shape=_shape(spec))


def _shape(spec: Any) -> tuple[int | None, ...]:
    shape = getattr(spec, "shape", None)
    return tuple(shape) if shape is not None and shape.rank is not None else ()


def _listed(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"{spec.name!r}: {spec.dtype}[{_sizes(spec)}]" for spec in specs)


def _sizes(spec: TensorSpec) -> str:
    return ", ".join("?" if size is None else str(size) for size in spec.shape)
