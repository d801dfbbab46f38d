"""What Keras asks again for every layer and every value in it, answered once.

A tenth of the time in which a model of many small layers is built goes into them.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit_keras.internals.hooks import Hook, Hooks, Instead
from bundlekit_keras.internals.versions import tried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PLAIN = (bool, int, float, str, dict, list, tuple, type(None))


@contextmanager
def answered_once() -> Iterator[None]:
    """Let Keras ask for the signature of a function, and for what is no tensor, once.

    The answers are the same for every thread; without these internals it asks every time.
    """
    with _hooks.installed():
        yield


def _found() -> list[Hook] | None:
    if not tried():
        return None
    try:
        from keras.src import backend
        from keras.src.layers import layer
        from keras.src.ops import operation

        is_tensor = backend.is_tensor
        core = backend.core
        asking = [module for module in (layer, operation) if module.inspect is inspect]
        symbolic = backend.KerasTensor
    except (ImportError, AttributeError):
        return None
    no_tensors = {*_PLAIN, symbolic}

    def told(value: Any) -> bool:
        # TensorFlow asks an object for a dozen attributes before it says no.
        kind = type(value)
        if kind in no_tensors:
            return False
        found = bool(is_tensor(value))
        if not found and _is_keras_own(kind):
            no_tensors.add(kind)
        return found

    remembering = Instead(
        inspect,
        signature=_remembered(inspect.signature),
        getfullargspec=_remembered(inspect.getfullargspec),
    )
    return [
        (backend, "is_tensor", told),
        (core, "is_tensor", told),
        *((module, "inspect", remembering) for module in asking),
    ]


def _is_keras_own(kind: type) -> bool:
    package = kind.__module__
    return package.startswith("keras.") and not package.startswith("keras.src.backend")


def _remembered(ask: Callable[[Any], Any]) -> Callable[..., Any]:
    """Answer for each function once, whichever object it is bound to."""
    answers: dict[tuple[Any, bool], Any] = {}

    def answered(function: Any, *arguments: Any, **named: Any) -> Any:
        plain = getattr(function, "__func__", function)
        if arguments or named or not inspect.isfunction(plain):
            return ask(function, *arguments, **named)
        key = (plain, plain is not function)
        if key not in answers:
            answers[key] = ask(function)
        return answers[key]

    return answered


_hooks = Hooks(_found)
