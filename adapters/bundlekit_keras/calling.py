"""How a model is called: on one structure of tensors, or on several by the names of arguments."""

from __future__ import annotations

import inspect
from typing import Any


def by_keyword(model: Any, inputs: Any) -> bool:
    """Tell whether inputs are a dict by the names of the model's arguments.

    A dict of one entry is always one structure: Keras' functional models take such.
    """
    return isinstance(inputs, dict) and len(inputs) > 1 and set(inputs) <= set(_arguments(model))


def called(function: Any, model: Any, inputs: Any, **more: Any) -> Any:
    """Call a method of a model, in the way in which the model takes these inputs."""
    if by_keyword(model, inputs):
        return function(**inputs, **more)
    return function(inputs, **more)


def first_argument(model: Any) -> str:
    """Give the name of the argument that takes the inputs."""
    return next(iter(_arguments(model)), "input")


def required(model: Any) -> list[str]:
    """Give the names of the arguments that the model cannot be called without."""
    parameters = inspect.signature(model.call).parameters
    return [
        name for name in _arguments(model) if parameters[name].default is inspect.Parameter.empty
    ]


def takes_training(model: Any) -> bool:
    """Tell whether the model's `call` wants to know if it is trained."""
    return "training" in inspect.signature(model.call).parameters


def _arguments(model: Any) -> list[str]:
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(model.call).parameters.values()
    return [one.name for one in parameters if one.kind in named and one.name != "training"]
