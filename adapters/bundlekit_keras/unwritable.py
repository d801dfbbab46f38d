"""What to say of objects that Keras cannot write into a config: what they are, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MethodType
from typing import Any

from bundlekit.errors import Unwritable
from bundlekit_keras.framework import innermost, require_keras
from bundlekit_keras.undisturbed import undisturbed

_SHOWN = 200


def named_only(obj: Any, place: str) -> Unwritable:
    """Say of an object that its name alone would be written, which nothing could be made of.

    Args:
        obj: the object.
        place: where the config would name it.
    """
    what, instead = _described(obj)
    return Unwritable(
        f"the config would hold {what} at {place}, of which Keras writes the name and cannot read "
        f"it back; {instead}",
        type=type(obj).__name__,
        where=place,
    )


def failed_at(chain: tuple[Any, ...], error: Exception) -> Unwritable:
    """Say at which object, and at which of its arguments, Keras failed to write a config.

    Args:
        chain: the objects inside each other that it was writing, the outermost first.
        error: what it raised.
    """
    owners = [one for one in chain if hasattr(one, "get_config") and not isinstance(one, type)]
    names = " > ".join(f"{_name(one)} ({type(one).__name__})" for one in owners)
    argument = _failing_argument(owners[-1]) if owners else None
    if argument is None and (not owners or chain[-1] is not owners[-1]):
        what, instead = _described(chain[-1])
        where = f"compile() of {names}" if names else "compile()"
        return Unwritable(
            f"{where} was given {what}, which Keras cannot write; {instead}",
            type=type(chain[-1]).__name__,
            argument=None,
            where=where,
        )
    cls = type(owners[-1]).__name__
    if argument is None:
        reason = _short(innermost(error))
        said = f"the config of {cls} cannot be written: {reason}; mend its get_config"
    else:
        name, value = argument
        what, instead = _described(value if chain[-1] is owners[-1] else chain[-1])
        said = (
            f"get_config of {cls} returns in {name!r} {what}, which is not JSON and no object of "
            f"Keras'; {instead}"
        )
    return Unwritable(
        f"{said}; it is at {names}",
        type=cls,
        argument=argument[0] if argument else None,
        where=names,
    )


def _described(obj: Any) -> tuple[str, str]:
    """Say what an object is, without an address in memory, and what to write in its place."""
    cls = type(obj).__name__
    keras_class = "a class with __call__ and get_config, such as a subclass of keras.losses.Loss"
    if isinstance(obj, type):
        return f"the class {obj.__name__} itself", f"give an instance, {obj.__name__}(…)"
    if isinstance(obj, partial):
        func = getattr(obj.func, "__name__", "a function")
        return f"functools.partial of {func}", f"write a function with def, or {keras_class}"
    if isinstance(obj, MethodType):
        return f"the method {obj.__qualname__}", f"write a function with def, or {keras_class}"
    wrapped = getattr(obj, "python_function", getattr(obj, "__wrapped__", None))
    if callable(wrapped):
        name = getattr(wrapped, "__name__", "it")
        return (
            f"{name} as wrapped by {cls}",
            "give the plain function; Keras compiles what it is called from",
        )
    if callable(obj) and not hasattr(obj, "get_config"):
        return f"an object of the class {cls}", f"write a function with def, or {keras_class}"
    shown = _short(repr(obj))
    return (
        f"an object of the class {cls}" if " at 0x" in shown else shown,
        "a number, a text, a list or a dict of them, or an object with get_config can be written",
    )


def _failing_argument(obj: Any) -> tuple[str, Any] | None:
    keras = require_keras()
    try:
        with undisturbed():
            config = obj.get_config()
    except Exception:
        return None
    for key, value in config.items() if isinstance(config, Mapping) else ():
        try:
            keras.saving.serialize_keras_object(value)
        except Exception:
            return str(key), value
    return None


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} […]"


def _name(obj: Any) -> str:
    name = getattr(obj, "name", None)
    return repr(name) if isinstance(name, str) else "one"
