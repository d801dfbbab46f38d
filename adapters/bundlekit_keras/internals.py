"""The only module that touches what Keras keeps private, with a way that does without.

Each function names the versions it was tried on; on any other, or where a private name is
gone, it does what can be done with public means and says what is lost.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import threading
import warnings
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

from bundlekit_keras.framework import minor_version, require_keras
from bundlekit_keras.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIED = ((3, 6), (3, 15))
"""The oldest and the newest Keras minor that these internals were tried on."""


@contextmanager
def unchanged_names() -> Iterator[None]:
    """Leave the counters of automatic names as they are.

    Keras builds layers of its own while it saves, so that the user's next unnamed `Layer`
    would be called `layer_7`. Without these internals the counters do advance; nothing else
    depends on them.
    """
    state = _global_state()
    if state is None:
        yield
        return
    counters = state.get_global_attribute("object_name_uids")
    before = None if counters is None else counters.copy()
    try:
        yield
    finally:
        state.set_global_attribute("object_name_uids", before)


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
    if _hooks() is None:
        with warnings.catch_warnings():  # which other threads would disturb
            warnings.filterwarnings("ignore", _LAMBDA_WARNING)
            yield False
        return
    with _hooked():
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
    if _hooks() is None:
        yield
        return
    with _hooked():
        yield


class _TensorFlow:
    """TensorFlow as Keras asks for it: until somebody has imported it, no object can be of it."""

    @property
    def available(self) -> bool:
        return "tensorflow" in sys.modules

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("tensorflow"), name)


_LAMBDA_WARNING = "The object being serialized includes a `lambda`"


class _Watching(threading.local):
    marks: Marks | None = None
    lambdas: bool = False


_watching = _Watching()
_hook_lock = threading.Lock()
_hook_users = 0
_Hooks: TypeAlias = "list[tuple[Any, str, Any]]"
_unhooked: _Hooks = []


def _hooks() -> _Hooks | None:
    """Give module, name and replacement of Keras' functions that see every object."""
    if not TRIED[0] <= _version() <= TRIED[1]:
        return None
    try:
        from keras.src.saving import serialization_lib
        from keras.src.utils import python_utils

        record = serialization_lib.record_object_after_serialization
        describe = serialization_lib._get_class_or_fn_config
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

    def dumped(function: Any) -> Any:
        return dump(function) if _watching.marks is None else _watching.marks.code(function)

    def warn(message: Any, *arguments: Any, **named: Any) -> None:
        if not (_watching.lambdas and str(message).startswith(_LAMBDA_WARNING)):
            named["stacklevel"] = named.get("stacklevel", 1) + 1
            warnings.warn(message, *arguments, **named)

    return [
        (serialization_lib, "record_object_after_serialization", recorded),
        (serialization_lib, "_get_class_or_fn_config", described),
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


@contextmanager
def _hooked() -> Iterator[None]:
    """Put the hooks in while anybody needs them; other threads pass through them unchanged."""
    global _hook_users
    with _hook_lock:
        _hook_users += 1
        if _hook_users == 1:
            for module, name, hook in _hooks() or ():
                _unhooked.append((module, name, getattr(module, name)))
                setattr(module, name, hook)
    try:
        yield
    finally:
        with _hook_lock:
            _hook_users -= 1
            if _hook_users == 0:
                while _unhooked:
                    module, name, original = _unhooked.pop()
                    setattr(module, name, original)


def optimizer_variables(optimizer: Any) -> list[Any] | None:
    """Give the variables that an optimizer was built for, in order; `None` where it cannot be seen.

    Keras builds the optimizer of a loaded model for the variables that are trainable then.
    """
    if not TRIED[0] <= _version() <= TRIED[1]:
        return None
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    found = getattr(inner, "_trainable_variables", None)
    return None if found is None else list(found)


COMPILED_METRICS = "_compile_metrics"
COMPILED_LOSS = "_compile_loss"
"""The attributes of a model that hold what it was compiled with."""


def makes_metrics() -> bool:
    """Tell whether a model can be let make its metrics before its first batch."""
    return TRIED[0] <= _version() <= TRIED[1]


def tried_metrics(model: Any, targets: Any, outputs: Any) -> Any:
    """Give the metrics that a compiled model would make for symbolic targets and outputs.

    `None` where it has none to make, or Keras cannot be asked.
    """
    compiled = getattr(model, COMPILED_METRICS, None)
    if compiled is None or not makes_metrics():
        return None
    tried = type(compiled)(
        compiled._user_metrics,
        compiled._user_weighted_metrics,
        output_names=compiled.output_names,
    )
    tried.build(targets, outputs)
    return tried


def make_metrics(model: Any, targets: Any, outputs: Any) -> None:
    """Let a compiled model make its metrics for symbolic targets and outputs.

    Where this is not `makes_metrics`, it makes none: they are made at the first batch.
    """
    compiled = getattr(model, COMPILED_METRICS, None)
    if compiled is not None and not compiled.built and makes_metrics():
        compiled.build(targets, outputs)


@contextmanager
def sharing_objects() -> Iterator[None]:
    """Let objects that stand in a config several times be one, as in the model that was saved.

    Without these internals layers that several others share come back as several.
    """
    try:
        from keras.src.saving.serialization_lib import ObjectSharingScope
    except ImportError:
        ObjectSharingScope = None  # noqa: N806
    if ObjectSharingScope is None or not TRIED[0] <= _version() <= TRIED[1]:
        yield
        return
    with ObjectSharingScope():
        yield


def name_counters() -> dict[str, int] | None:
    """Give a copy of the counters of automatic names; `None` where they cannot be seen."""
    state = _global_state()
    return None if state is None else dict(state.get_global_attribute("object_name_uids") or {})


def global_seed() -> Any:
    """Give the state of the generator behind unseeded random operations, an array.

    `None` where it has not been made yet or cannot be seen.
    """
    state = _global_state()
    generator = state and state.get_global_attribute("global_seed_generator")
    return None if generator is None else require_keras().ops.convert_to_numpy(generator.state)


@contextmanager
def seeded() -> Iterator[None]:
    """Let unseeded random operations draw from a generator of their own, which begins at 0.

    Without these internals they draw from that of the process, which does advance.
    """
    state = _global_state()
    if state is None:
        yield
        return
    before = state.get_global_attribute("global_seed_generator")
    own = require_keras().random.SeedGenerator(0)
    state.set_global_attribute("global_seed_generator", own)
    try:
        yield
    finally:
        state.set_global_attribute("global_seed_generator", before)


def all_layers(model: Any) -> list[Any]:
    """Give a model and all layers in it, wherever they are held.

    Without these internals, those that layers list as their own.
    """
    flatten = getattr(model, "_flatten_layers", None)
    if not TRIED[0] <= _version() <= TRIED[1] or flatten is None:
        return _listed(model)
    return list(flatten())


def _listed(layer: Any) -> list[Any]:
    inner = getattr(layer, "layers", ())
    children = inner if isinstance(inner, list | tuple) else ()
    return [layer, *(found for child in children for found in _listed(child))]


def _global_state() -> Any:
    if not TRIED[0] <= _version() <= TRIED[1]:
        return None
    try:
        from keras.src.backend.common import global_state
    except ImportError:
        return None
    return global_state


def _version() -> tuple[int, ...]:
    return minor_version(require_keras())
