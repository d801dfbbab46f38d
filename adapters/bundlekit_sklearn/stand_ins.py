"""A copy of an object in which others stand for what is stored elsewhere.

An estimator is taken apart as pickle would, in memory, and put together again; the estimator
itself is not touched, and its arrays are not copied. On the way every object is seen, however
deep, so that models and functions are found wherever they are held, and each once.
"""

from __future__ import annotations

import io
import pickle
import sys
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from bundlekit.errors import BundleError, Unwritable
from bundlekit_sklearn.faithful import require_remade
from bundlekit_sklearn.skeleton import MODULE

if TYPE_CHECKING:
    from collections.abc import Callable

    from bundlekit_sklearn.named import Named

_SEEN_OFTEN = frozenset({str, int, float, bool, type(None), list, tuple, bytes})
_AS_THEY_ARE = (np.random.RandomState, np.random.Generator)
"""What skops only reads, so that it may be the live one."""
_WHILE_FITTING = "_parent_callback_ctx"
"""What scikit-learn leaves in an estimator as long as one around it is fitted."""
_TEXT = "sklearn.feature_extraction.text"
_ADDRESS = "_stop_words_id"
"""Where vectorizers keep an address of this process, which means nothing in another one."""
_KEYS = (str, int, float, np.generic)


class StandIns:
    """A copy, and what stands for what in it.

    Args:
        obj: what to copy.
        elsewhere: tells whether an object is stored elsewhere.

    Attributes:
        copy: the copy.
        parts: what is stored elsewhere, by the name of what stands for it.
        functions: functions that are written in Python, likewise.
        classes: the classes that objects in the copy are of, by module and name.
        stand_ins: the names of what stands for others in the copy, by its `id`.

    Raises:
        Unwritable: something cannot be taken apart, or would come back as something else.
    """

    def __init__(self, obj: object, elsewhere: Callable[[object], bool]) -> None:
        self.parts: dict[str, Any] = {}
        self.functions: dict[str, Any] = {}
        self.classes: dict[tuple[str, str], type] = {}
        self.stand_ins: dict[int, str] = {}
        self._elsewhere = elsewhere
        self._alive: list[object] = []
        self._places: list[object] = []
        self._numbers: dict[int, int] = {}
        buffer = io.BytesIO()
        try:
            _Pickler(buffer, self._shown).dump(obj)
            buffer.seek(0)
            self.copy: Any = _Unpickler(buffer, self._places.__getitem__).load()
            vars(self.copy).pop(_WHILE_FITTING, None)
        except BundleError:
            raise
        except Exception as error:
            raise Unwritable(
                f"{type(obj).__name__} cannot be taken apart: {error}; leave out of it what no "
                f"process can take from another, such as locks and open files",
                type=type(obj).__name__,
            ) from error

    def live(self, one: Named) -> Any:
        """Give the live class or function that a skeleton names."""
        if one.stored is not None:
            return self.functions[one.stored]
        if (one.module, one.name) in self.classes:
            return self.classes[one.module, one.name]
        return getattr(sys.modules[one.module], one.name)  # written in C, so it was found there

    def _shown(self, obj: Any) -> int | None:
        """Give the number of what the copy holds in an object's place; `None` to look inside."""
        cls = type(obj)
        if cls in _SEEN_OFTEN:
            return None
        if id(obj) in self._numbers:
            return self._numbers[id(obj)]
        if isinstance(obj, dict):
            _require_keys(obj)
            return None
        if isinstance(obj, type):
            self._meet(obj)
            return self._put(obj, obj)
        if cls is MethodType and self._elsewhere(obj.__self__):
            raise Unwritable(
                f"{obj.__name__!r} is a method of a {type(obj.__self__).__name__}, which is stored "
                f"as a part; write a function that calls it, or an object that holds the model",
                name=obj.__name__,
            )
        if cls is FunctionType:
            return self._put(obj, self._stand_in("function", obj, self.functions))
        if (cls.__module__.partition(".")[0], cls.__name__) == ("sklearn", "CallbackContext"):
            return self._put(obj, None)  # it leads to the estimator around, and is taken out
        if self._elsewhere(obj):
            return self._put(obj, self._stand_in("part", obj, self.parts))
        if cls in _AS_THEY_ARE or (cls is np.ndarray and not obj.dtype.hasobject):
            return self._put(obj, obj)
        if isinstance(obj, str | int | float | bytes) and not isinstance(obj, np.generic):
            plain = next(base for base in cls.__mro__ if base in _SEEN_OFTEN)
            raise Unwritable(
                f"the value {obj!r} is of {cls.__module__}.{cls.__qualname__}, and would come back "
                f"as {plain.__name__}; use its plain value",
                type=f"{cls.__module__}.{cls.__qualname__}",
            )
        return None

    def _put(self, obj: object, place: object) -> int:
        number = self._numbers[id(obj)] = len(self._places)
        self._places.append(place)
        self._alive.append(obj)  # so that no other object gets its id
        return number

    def _stand_in(self, kind: str, obj: Any, among: dict[str, Any]) -> type:
        # A class, since that is what both skops and functools.partial take by name. Where pickle
        # calls a function to make an object again, as numpy's generators have it, it does its work.
        name = f"{kind}_{len(among)}"
        among[name] = obj
        calling = {"__new__": lambda cls, *args, **kwargs: obj(*args, **kwargs)}
        made = type(name, (), {"__module__": MODULE, **(calling if kind == "function" else {})})
        self.stand_ins[id(made)] = name
        return made

    def _meet(self, cls: type) -> None:
        found = self.classes.setdefault((cls.__module__, cls.__name__), cls)
        if found is not cls:
            raise Unwritable(
                f"two classes are both called {cls.__module__}.{cls.__name__}: "
                f"{found.__qualname__} and {cls.__qualname__}; rename one of them",
                name=cls.__name__,
            )


def _require_keys(found: dict[Any, Any]) -> None:
    texts: dict[str, object] = {}
    for key in found:
        if isinstance(key, bool | np.bool_) or not isinstance(key, _KEYS):
            raise Unwritable(
                f"a dict has the key {key!r}, a {type(key).__name__}, which skops does not keep; "
                f"use text or numbers",
                key=repr(key),
            )
        if texts.setdefault(str(key), key) is not key:
            raise Unwritable(
                f"a dict has the keys {texts[str(key)]!r} and {key!r}, which skops does not tell "
                f"apart; use one kind of keys",
                key=repr(key),
            )


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, shown: Callable[[object], int | None]) -> None:
        super().__init__(file, protocol=5)
        self._shown = shown

    def persistent_id(self, obj: object) -> int | None:
        return self._shown(obj)

    def reducer_override(self, obj: Any) -> Any:
        require_remade(obj)
        if not any(cls.__module__ == _TEXT for cls in type(obj).__mro__):
            return NotImplemented
        make, given, state, *more = obj.__reduce_ex__(5)
        return make, given, {key: one for key, one in state.items() if key != _ADDRESS}, *more


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, placed: Callable[[int], object]) -> None:
        super().__init__(file)
        self._placed = placed

    def persistent_load(self, pid: int) -> object:
        return self._placed(pid)
