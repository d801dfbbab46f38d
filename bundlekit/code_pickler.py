"""The pickler for code: what cloudpickle takes apart, freed of accidents.

The same source must give the same bytes, in any process and however much the code was used
before. So sets are written in order of their items, text is shared if it is equal (not if it is
one object), and each reduction of cloudpickle loses its random identifiers, names of files and
whatever Python leaves on a class that was looked at. This needs the pickler of the standard
library that is written in Python: the one written in C asks nobody about sets and text.

Raises what it meets, if cloudpickle changes its inside; `by_value` then does without.
"""

from __future__ import annotations

import dataclasses
import dis
import functools
import importlib.util
import io
import pickle
import sys
import types
import typing
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE_NAME = "<bundle>"
"""What tracebacks show instead of the file that the code came from; line numbers stay."""

# cloudpickle marks each class with a random text, so that a class that comes back to the process
# that defined it is recognized. `None` in its place is understood and does without. By the name
# of the function that rebuilds: the position among its arguments.
_TRACKER = {"_make_skeleton_class": 4, "_make_skeleton_enum": 5, "_make_typevar": 5}
# What the import system leaves in a module: folders of this machine, loaders, what it warned of.
_OF_THIS_MACHINE = (
    "__file__", "__path__", "__cached__", "__spec__", "__loader__", "__builtins__",
    "__warningregistry__",
)  # fmt: skip
_SENTINELS = {id(dataclasses.MISSING): "MISSING", id(dataclasses.KW_ONLY): "KW_ONLY"}
_PLAIN = (str, bytes, int, float, complex, bool, type(None), type(...))
_PythonsPickler: Any = pickle._Pickler
# A class that refers to a class that refers to a class takes 17 frames each. Python 3.11 counts
# frames of C with them, for which there is little room.
_DEPTH = 5_000 if sys.version_info < (3, 12) else 50_000


_CACHED = type(functools.cache(len))


def cached(function: Any, maxsize: int | None, typed: bool) -> Any:
    """Put a cache around a function again, empty; pickles name this function."""
    return functools.lru_cache(maxsize, typed)(function)


class OnlyByName(pickle.PicklingError):
    """Something of code that travels by value offers nothing but its name."""


class CodePickler(_PythonsPickler):  # type: ignore[misc]
    """Python's pickler, which asks `cloud` for what cloudpickle adds.

    Args:
        cloud: a pickler of cloudpickle; nothing is written with it.
        by_value: the modules that cloudpickle was told to take apart.
    """

    def __init__(self, cloud: Any, by_value: frozenset[str]) -> None:
        self._file = io.BytesIO()
        super().__init__(self._file, protocol=5)
        self._cloud = cloud
        self._by_value = by_value
        self._known: dict[str | bytes, str | bytes] = {}
        self.imports: dict[str, str] = {}
        """Modules that travel and that a function will look for, by the function's name."""
        self.dispatch_table = cloud.dispatch_table

    def dumps(self, obj: object) -> bytes:
        """Give the pickle of one object; a pickler is used once."""
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, _DEPTH))
        try:
            self.dump(obj)
        finally:
            sys.setrecursionlimit(limit)
        return self._file.getvalue()

    def reducer_override(self, obj: Any) -> Any:
        """Take apart what Python stores as a name only, and leave out what differs by accident."""
        kind = type(obj)
        if id(obj) in _SENTINELS:
            return _SENTINELS[id(obj)]
        if kind is types.CodeType:
            return _renamed(self.dispatch_table[kind](obj))
        if kind is functools.cached_property:  # up to Python 3.11 it holds a lock
            state = {key: value for key, value in vars(obj).items() if key not in ("func", "lock")}
            return functools.cached_property, (obj.func,), state
        if kind is types.ModuleType and _within(obj.__name__, self._by_value):
            # Its content as a state, not as an argument: it may refer to the module itself.
            return types.ModuleType, (obj.__name__,), _portable(vars(obj))
        if kind is _CACHED and self._travels(obj):
            size, typed = obj.cache_parameters().values()
            return cached, (obj.__wrapped__, size, typed)
        if kind is typing.TypeVar:
            return _without_tracker(self.dispatch_table[kind](obj))
        reduced = self._cloud.reducer_override(obj)
        if kind is types.FunctionType and reduced is not NotImplemented:
            _free_function(obj, *reduced[1:3])
            self._note_imports(obj)
        elif issubclass(kind, type) and reduced is not NotImplemented and len(reduced) > 2:
            _free_class(*reduced[2])
            return _without_tracker(reduced)
        return reduced

    def _note_imports(self, function: Any) -> None:
        package = function.__globals__.get("__package__") or ""
        for code in _codes(function.__code__):
            steps = [s for s in dis.get_instructions(code) if s.opname != "EXTENDED_ARG"]
            for index, step in enumerate(steps):
                if step.opname == "IMPORT_NAME":
                    level = steps[index - 2].argval  # what comes before: level, names
                    module = str(step.argval)
                    if isinstance(level, int) and level:
                        with suppress(ImportError):  # it fails where it is called, too
                            module = importlib.util.resolve_name("." * level + module, package)
                    if _within(module, self._by_value):
                        self.imports.setdefault(function.__qualname__, module)

    def _travels(self, obj: Any) -> bool:
        module, name = str(obj.__module__), str(obj.__qualname__)
        return module == "__main__" or _within(module, self._by_value) or "<locals>" in name

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Refuse names that the reader cannot import."""
        module = pickle.whichmodule(obj, name)  # type: ignore[attr-defined]
        if module == "__main__" or _within(module, self._by_value):
            raise OnlyByName(
                f"{type(obj).__name__} {name!r} can only be imported by name, and {module} does "
                f"not travel as a module"
            )
        super().save_global(obj, name)

    def memoize(self, obj: Any) -> None:
        """Remember all but constants: whether two equal ones are one object is accident."""
        if type(obj) not in (tuple, frozenset) or not _is_plain(obj):
            super().memoize(obj)

    def _save_text(self, obj: Any) -> None:
        known = self._known.setdefault(obj, obj)
        if known is not obj:
            self.write(self.get(self.memo[id(known)][0]))
        else:
            _PythonsPickler.dispatch[type(obj)](self, obj)

    def _save_frozenset(self, obj: frozenset[object]) -> None:
        self.save_reduce(frozenset, (sorted(obj, key=_rank),), obj=obj)

    def _save_set(self, obj: set[object]) -> None:
        # In two steps, as the set may hold what refers to it.
        self.save_reduce(set, (), sorted(obj, key=_rank), state_setter=set.update, obj=obj)

    dispatch: ClassVar = _PythonsPickler.dispatch | {
        str: _save_text, bytes: _save_text, frozenset: _save_frozenset, set: _save_set,
    }  # fmt: skip


def _free_function(
    func: types.FunctionType, made_of: tuple[Any, ...], state: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    """Take from a reduced function what is of this machine or process."""
    _, shared_globals, *_ = made_of
    _, slots = state
    for name in _OF_THIS_MACHINE:
        shared_globals.pop(name, None)
    names = _names_in_class_bodies(func.__code__)
    more = {name: func.__globals__[name] for name in names if name in func.__globals__}
    slots["__globals__"] = _portable(slots["__globals__"] | more)
    slots["_cloudpickle_submodules"].sort(key=lambda module: module.__name__)


def _free_class(namespace: dict[str, Any], _: object) -> None:
    """Take from a reduced class what depends on what was done with it."""
    if namespace.get("__annotations__") == {}:  # Python makes them when they are looked at
        del namespace["__annotations__"]
    if "_abc_impl" in namespace:
        namespace["_abc_impl"].sort(key=_rank)


def _renamed(reduced: Any) -> Any:
    """Name the file of a code object, whatever a release of cloudpickle writes for it."""
    rebuild, arguments = reduced
    at = next(at for at, argument in enumerate(arguments) if isinstance(argument, str))
    return rebuild, (*arguments[:at], FILE_NAME, *arguments[at + 1 :])


def _without_tracker(reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    function, arguments, *rest = reduced
    position = _TRACKER[function.__name__]
    if not (isinstance(arguments[position], str) and len(arguments[position]) == 32):
        raise TypeError(f"argument {position} of {function.__name__} is no identifier")
    return function, (*arguments[:position], None, *arguments[position + 1 :]), *rest


def _names_in_class_bodies(code: types.CodeType) -> Iterator[str]:
    """Names that the body of a class inside a function looks up; cloudpickle overlooks them."""
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            for step in dis.get_instructions(inner):
                if step.opname == "LOAD_NAME":
                    yield step.argval
            yield from _names_in_class_bodies(inner)


def _portable(namespace: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in namespace.items() if name not in _OF_THIS_MACHINE}


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _codes(inner)


def _within(module: str, packages: frozenset[str]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def _is_plain(obj: object) -> bool:
    if type(obj) in (tuple, frozenset):
        return all(map(_is_plain, obj))  # type: ignore[call-overload]
    return type(obj) in _PLAIN


def _rank(item: Any) -> str:
    """Give text that orders the items of a set, whatever their hashes."""
    kind = type(item)
    if kind in (tuple, frozenset):
        ranks = map(_rank, item)
        text = repr(sorted(ranks) if kind is frozenset else list(ranks))
    else:
        named = isinstance(item, type | types.FunctionType)
        text = f"{item.__module__}.{item.__qualname__}" if named else repr(item)
    return f"{kind.__module__}.{kind.__qualname__} {text}"
