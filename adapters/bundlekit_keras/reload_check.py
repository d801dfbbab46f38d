"""The check when bundling that configs of the user's classes can be read back.

It is cheap: it looks at configs and signatures, and builds nothing but those objects whose
`get_config` returns live objects that `from_config` does not turn back from their configs; they are
constructed once, unbuilt, in the way that loading would. `bundle(…, check="rebuild")` is the whole
trial.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Context, CustomObject, Need
from bundlekit.errors import Unwritable
from bundlekit_keras import custom_objects, exclusive, nodes
from bundlekit_keras.framework import innermost, require_keras
from bundlekit_keras.undisturbed import undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bundlekit_keras.marks import Marks

_FUNCTIONAL = frozenset({"name", "layers", "input_layers", "output_layers"})
_PLAIN_BASES = (
    "Operation",
    "Layer",
    "Model",
    "losses.Loss",
    "metrics.Metric",
    "initializers.Initializer",
    "regularizers.Regularizer",
    "constraints.Constraint",
    "optimizers.Optimizer",
    "optimizers.schedules.LearningRateSchedule",
)


def require_readable(config: dict[str, Any], marks: Marks, found: Iterable[CustomObject]) -> None:
    """Refuse configs that could not be read back.

    Args:
        config: the whole config, without marks.
        marks: the live objects that it was written from.
        found: the user's classes and functions in it.

    Raises:
        Unwritable: naming the class, the argument and the place.
    """
    suspects = []
    for number, inner in marks.configs.items():
        obj, place = marks.objects[number], marks.places.get(number)
        if place is None:
            continue  # written and not used
        _check_keys(obj, inner, place)
        if _passes_everything_on(type(obj)) and not set(inner) >= _FUNCTIONAL:
            _check_signature(obj, inner, place)
            live = _live_inside(_config_of(obj))
            if live:
                suspects.append((obj, place, live))
    if suspects:
        _check_rebuilt(config, suspects, found)


def _check_keys(obj: Any, inner: object, place: str) -> None:
    pending = [(inner, "")]
    while pending:
        value, path = pending.pop()
        if isinstance(value, dict):
            for key, child in value.items():
                if not isinstance(key, str):
                    raise Unwritable(
                        f"get_config of {type(obj).__name__} at {place} returns in "
                        f"{path or 'it'} a dict with the key {key!r}, and JSON knows only texts: "
                        f"it would come back as {str(key)!r}; return a list of pairs and turn it "
                        f"back in from_config",
                        type=type(obj).__name__,
                        argument=path,
                        where=place,
                    )
                pending.append((child, path or key))
        elif isinstance(value, list | tuple):
            pending.extend((child, path) for child in value)


def _check_signature(obj: Any, inner: Mapping[str, Any], place: str) -> None:
    cls = type(obj)
    own = list(inspect.signature(cls.__init__).parameters.values())[1:]
    named = {p.name for p in own if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    needed = [
        p.name
        for p in own
        if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    for name in needed:
        if name not in inner or name not in named:
            raise _unreadable(
                obj, place, name, f"get_config does not return {name!r}, which __init__ requires"
            )
    if any(p.kind is p.VAR_KEYWORD for p in own):
        return
    for name in inner:
        if name not in named:
            raise _unreadable(
                obj,
                place,
                name,
                f"get_config returns {name!r}, which __init__ does not take; accept **kwargs and "
                f"hand them to super().__init__, or override from_config",
            )


def _check_rebuilt(
    config: dict[str, Any],
    suspects: list[tuple[Any, str, set[str]]],
    found: Iterable[CustomObject],
) -> None:
    keras = require_keras()
    objects = {
        Need(name=one.name, class_name=one.obj.__name__, where=one.where): one.obj for one in found
    }
    context = Context(restore=lambda _: None, objects=objects)
    with exclusive.building, undisturbed(), custom_objects.presented(config, context) as renamed:
        at = {str(place): node for place, node in nodes.walk(renamed)}
        for obj, place, live in suspects:
            arguments = ", ".join(sorted(live))
            try:
                rebuilt = keras.saving.deserialize_keras_object(
                    {
                        k: v
                        for k, v in at[place].items()
                        if k not in ("build_config", "compile_config")
                    }
                )
                lost = live - _live_inside(_config_of(rebuilt))
            except Exception as error:
                raise _unreadable(
                    obj, place, arguments, f"from_config fails: {innermost(error)}"
                ) from error
            if lost:
                raise _unreadable(
                    obj,
                    place,
                    ", ".join(sorted(lost)),
                    f"get_config returns objects in {', '.join(sorted(lost))}, and from_config "
                    f"hands their configs to __init__ as they are; override from_config and call "
                    f"keras.saving.deserialize_keras_object on them",
                )


def _unreadable(obj: Any, place: str, argument: str, reason: str) -> Unwritable:
    return Unwritable(
        f"{type(obj).__name__} at {place} could not be loaded again: {reason}",
        type=type(obj).__name__,
        argument=argument,
        where=place,
    )


def _passes_everything_on(cls: type) -> bool:
    """Whether `from_config` is one of Keras' that hand the config to `__init__`."""
    keras = require_keras()
    own = getattr(getattr(cls, "from_config", None), "__func__", None)
    for path in _PLAIN_BASES:
        base: Any = keras
        for step in path.split("."):
            base = getattr(base, step)
        if own is getattr(base.from_config, "__func__", None):
            return True
    return False


def _config_of(obj: Any) -> Any:
    with undisturbed():
        return obj.get_config()


def _live_inside(config: object) -> set[str]:
    """Give the top-level arguments that hold live objects, at any depth."""
    if not isinstance(config, Mapping):
        return set()
    return {str(key) for key, value in config.items() if key != "dtype" and _is_live(value)}


def _is_live(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_live, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_is_live, value))
    return isinstance(value, FunctionType) or (
        hasattr(value, "get_config") and not isinstance(value, type)
    )
