"""Watching Keras while it writes configs."""

from __future__ import annotations

import copy
import importlib
import inspect
import sys
import threading
import warnings
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from bundlekit_keras.framework import require_keras
from bundlekit_keras.internals.hooks import Hook, Hooks, Instead
from bundlekit_keras.internals.versions import tried
from bundlekit_keras.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def marking() -> Iterator[Marks | None]:
    """Mark the nodes of custom objects in every config that this thread lets Keras write.

    Yields:
        The marks; `None` where Keras cannot be watched, and configs stay as they are.
    """
    with tolerating_lambdas() as watchable:
        before, _watching.marks = _watching.marks, Marks() if watchable else None
        try:
            yield _watching.marks
        finally:
            _watching.marks = before


@contextmanager
def tolerating_lambdas() -> Iterator[bool]:
    """Let Keras write lambdas without a warning of each; here they are refused, or travel.

    Keras looks for the source text of each for its warning, and fails where there is none.

    Yields:
        Whether Keras can be watched; where it cannot, a lambda without source still fails.
    """
    with _hooks.installed() as watchable:
        if not watchable:
            with warnings.catch_warnings():  # which other threads would disturb
                warnings.filterwarnings("ignore", _LAMBDA_WARNING)
                yield False
            return
        before, _watching.lambdas = _watching.lambdas, True
        try:
            yield True
        finally:
            _watching.lambdas = before


@contextmanager
def importing_no_tensorflow() -> Iterator[None]:
    """Keep Keras from importing TensorFlow only to ask whether an object is one of its.

    Keras does so whenever it writes a config, also while it builds layers that copy others. Without
    these internals it still does, where TensorFlow is installed.
    """
    with _hooks.installed():
        yield


class _TensorFlow:
    """TensorFlow as Keras asks for it: until somebody has imported it, no object can be of it."""

    @property
    def available(self) -> bool:
        return "tensorflow" in sys.modules

    def __getattr__(self, name: str) -> Any:
        found = getattr(importlib.import_module("tensorflow"), name)
        setattr(self, name, found)  # Keras asks of every object
        return found


_PLAIN = frozenset({str, int, float, bool, type(None)})
_LAMBDA_WARNING = "The object being serialized includes a `lambda`"


class _Watching(threading.local):
    marks: Marks | None = None
    lambdas: bool = False


_watching = _Watching()


def _found() -> list[Hook] | None:
    """Give module, name and replacement of Keras' functions that see every object."""
    if not tried():
        return None
    try:
        from keras.src.models import functional, sequential
        from keras.src.saving import serialization_lib
        from keras.src.utils import python_utils

        record = serialization_lib.record_object_after_serialization
        describe = serialization_lib._get_class_or_fn_config
        serialize = serialization_lib.serialize_keras_object
        of_dict = serialization_lib.serialize_dict
        dump = python_utils.func_dump
    except (ImportError, AttributeError):
        return None

    def recorded(obj: Any, config: dict[str, Any]) -> None:
        record(obj, config)
        if _watching.marks is not None:
            _watching.marks.mark(obj, config)
            if isinstance(obj, require_keras().Layer):
                # Keras writes this at the second place alone where a get_config has made the first.
                config["shared_object_id"] = id(obj)

    def described(obj: Any) -> Any:
        marks = _watching.marks
        if marks is None:
            return describe(obj)
        marks.enter(obj)
        config = None
        try:
            config = describe(obj)
        finally:
            marks.leave(config)
        return config

    def serialized(obj: Any) -> Any:
        # Most of what a config holds is plain, and is gone through once for each layer around it.
        kind = type(obj)
        if kind in _PLAIN:
            return obj
        if kind is list or kind is tuple:
            return kind([one if type(one) in _PLAIN else serialized(one) for one in obj])
        return items_serialized(obj) if kind is dict else serialize(obj)

    def items_serialized(obj: Any) -> Any:
        if type(obj) is not dict:
            return of_dict(obj)
        return {key: v if type(v) in _PLAIN else serialized(v) for key, v in obj.items()}

    def dumped(function: Any) -> Any:
        return dump(function) if _watching.marks is None else _watching.marks.code(function)

    def copied(value: Any) -> Any:
        # A copy of a whole config, of which nobody else knows.
        return copy.deepcopy(value) if _watching.marks is None else value

    def warn(message: Any, *arguments: Any, **named: Any) -> None:
        if not (_watching.lambdas and str(message).startswith(_LAMBDA_WARNING)):
            named["stacklevel"] = named.get("stacklevel", 1) + 1
            warnings.warn(message, *arguments, **named)

    copying = [module for module in (functional, sequential) if hasattr(module, "copy")]
    return [
        *((module, "copy", Instead(module.copy, deepcopy=copied)) for module in copying),
        (serialization_lib, "record_object_after_serialization", recorded),
        (serialization_lib, "_get_class_or_fn_config", described),
        (serialization_lib, "serialize_keras_object", serialized),
        (serialization_lib, "serialize_dict", items_serialized),
        (python_utils, "func_dump", dumped),
        (serialization_lib, "inspect", SimpleNamespace(getsource=_source)),
        (serialization_lib, "warnings", SimpleNamespace(warn=warn)),
        (serialization_lib, "tf", _TensorFlow()),
    ]


def _source(function: Any) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return "(no source)"


_hooks = Hooks(_found)
