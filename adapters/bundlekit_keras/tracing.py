"""What a model gives for what it was built for, without any data.

Keras remembers the shapes that a model was built for, and not the dtypes. Inputs are taken for
floats, but for those that go as they are into a layer that takes integers or strings: the model is
traced again on what the layers were seen to be given.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bundlekit_keras import calling, internals
from bundlekit_keras.framework import require_keras
from bundlekit_keras.undisturbed import attributes_put_back, untouched

if TYPE_CHECKING:
    from collections.abc import Callable

Shape: TypeAlias = tuple[int | None, ...]


class Traced(NamedTuple):
    """Symbolic tensors, in the structures that the model takes and gives."""

    inputs: Any
    outputs: Any
    batch: int | None
    """The size of the batch that the model was built for; `None` where it was left open."""


def traced(model: Any) -> Traced | None:
    """Trace a model on the shapes that it was built for; the model stays as it is.

    Returns:
        `None` where that fails: the user's code may need data, or Keras may not know the shapes.
    """
    with warnings.catch_warnings(), suppress(Exception), untouched(model):
        warnings.simplefilter("ignore")
        shapes = _recorded(model)
        flat = _shapes(shapes)
        batch = next((shape[0] for shape in flat if shape), None)
        for size in dict.fromkeys((None, batch)):  # a model that needs to know it is given it
            sized = _map(shapes, partial(_with_batch, batch, size))
            found = (
                _likeliest(model, sized, len(flat))
                or _tried(model, sized, ["int32"] * len(flat), {})
                or _tried(model, sized, ["string"] * len(flat), {})
            )
            if found:
                return Traced(*found, batch)
    return None


def _likeliest(model: Any, shapes: Any, count: int) -> tuple[Any, Any] | None:
    """Trace a model on floats, and again as long as layers are seen that take something else."""
    dtypes = [require_keras().config.floatx()] * count
    for _ in range(count + 1):
        taken: dict[int, str] = {}
        result = _tried(model, shapes, dtypes, taken)
        seen = [taken.get(index, dtype) for index, dtype in enumerate(dtypes)]
        if seen == dtypes:
            return result
        dtypes = seen
    return None


def _tried(
    model: Any, shapes: Any, dtypes: list[str], taken: dict[int, str]
) -> tuple[Any, Any] | None:
    """Give symbolic inputs and outputs; `taken` is told which inputs go into layers of a kind."""
    with suppress(Exception), attributes_put_back(internals.all_layers(model)):
        order = iter(dtypes)
        inputs = _map(shapes, lambda shape: require_keras().KerasTensor(shape, next(order)))
        more = {"training": False} if calling.takes_training(model) else {}
        _watch(model, taken)
        return inputs, calling.called(model.compute_output_spec, model, inputs, **more)
    return None


def _watch(model: Any, taken: dict[int, str]) -> None:
    """Write down which input, by number, goes into a layer that takes another dtype than floats."""
    layers = require_keras().layers
    kinds = {
        layers.Embedding: "int32",
        layers.IntegerLookup: "int64",
        layers.StringLookup: "string",
        layers.TextVectorization: "string",
    }
    numbers: dict[int, int] = {}

    def begin(tensors: list[Any]) -> None:
        numbers.update({id(tensor): index for index, tensor in enumerate(tensors)})

    def look(dtype: str) -> Callable[[list[Any]], None]:
        def see(tensors: list[Any]) -> None:
            taken.update({numbers[id(one)]: dtype for one in tensors if id(one) in numbers})

        return see

    for layer in internals.all_layers(model):
        for kind, dtype in kinds.items():
            if isinstance(layer, kind):
                vars(layer)["call"] = _seeing(layer.call, look(dtype))
    vars(model)["call"] = _seeing(model.call, begin)


def _seeing(call: Any, see: Callable[[list[Any]], None]) -> Any:
    @wraps(call)
    def seen(*arguments: Any, **named: Any) -> Any:
        given = require_keras().tree.flatten((arguments, named))
        see([one for one in given if hasattr(one, "shape")])
        return call(*arguments, **named)

    return seen


def _recorded(model: Any) -> Any:
    """Give the shapes that a model was built for: of one structure, or by argument."""
    config = model.get_build_config()
    if set(config) == {"input_shape"}:
        return config["input_shape"]
    by_argument = config.get("shapes_dict", config)
    return {name.removesuffix("_shape"): shape for name, shape in by_argument.items()}


def _with_batch(batch: int | None, size: int | None, shape: Shape) -> Shape:
    return (size, *shape[1:]) if shape and shape[0] == batch else shape


def _map(shapes: Any, change: Callable[[Shape], Any]) -> Any:
    if shapes is None:
        return None
    if isinstance(shapes, dict):
        return {key: _map(shapes[key], change) for key in sorted(shapes)}
    if not isinstance(shapes, list | tuple):
        raise TypeError(f"{shapes!r} is no shape")
    if all(size is None or type(size) is int for size in shapes):
        return change(tuple(shapes))
    return type(shapes)(_map(child, change) for child in shapes)


def _shapes(shapes: Any) -> list[Shape]:
    found: list[Shape] = []
    _map(shapes, found.append)
    return found
