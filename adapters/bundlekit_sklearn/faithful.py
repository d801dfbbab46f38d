"""Whether skops gives back what it was given; of some objects it keeps the class and nothing else.

`require_remade` is asked of every object before skops sees it, `require_same` of the whole after
skops has read its own schema.
"""

from __future__ import annotations

import copyreg
import functools
import io
import operator
import pickle
import zoneinfo
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from bundlekit.errors import Unwritable
from bundlekit_sklearn.allowlist import is_allowed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OF_THEIR_OWN = (
    dict, list, set, tuple, bytes, bytearray, slice, np.generic, np.ndarray, np.dtype,
    np.random.RandomState, np.random.Generator, MethodType, functools.partial, operator.attrgetter,
    operator.itemgetter, operator.methodcaller, zoneinfo.ZoneInfo,
)  # fmt: skip
"""What skops has a way of its own for."""
_ADVICE = "convert it to text, numbers, lists or arrays, or keep it in an object with attributes"


def require_remade(obj: Any) -> None:
    """Make sure that an object is made again from its attributes, or by calling its class.

    Raises:
        Unwritable: it is made in another way, so that skops would lose what is in it.
    """
    cls = type(obj)
    if isinstance(obj, _OF_THEIR_OWN) or is_allowed(cls.__module__, cls.__name__):
        return
    by_table = copyreg.dispatch_table.get(cls)
    reduced: Any = by_table(obj) if by_table else obj.__reduce_ex__(4)
    if isinstance(reduced, str):
        kept = callable(obj)
    else:
        make, given, _, *more = (*reduced, *[None] * 4)[:5]
        by_attributes = make is copyreg.__newobj__ and len(given) == 1  # type: ignore[attr-defined]
        by_calling = make is cls and len(reduced) > 1 and not any(reduced[2:])
        kept = (by_attributes or by_calling) and not any(more)
    if not kept:
        name = f"{cls.__module__}.{cls.__qualname__}"
        raise Unwritable(
            f"{_short(obj)} is a {name}, of which skops keeps less than there is; {_ADVICE}",
            type=name,
        )


def require_same(
    before: Any, after: Any, stand_ins: Mapping[int, str], meant: Mapping[int, str]
) -> None:
    """Make sure that what skops has read is what it was given; arrays it does keep.

    Args:
        before: what it was given.
        after: what it has read.
        stand_ins: what the classes are called that stand for others in `before`, by `id`.
        meant: what those others are called, likewise.

    Raises:
        Unwritable: naming the place.
    """
    if _spelled(before, stand_ins) == _spelled(after, meant):
        return
    place, found = "", before
    inner = True
    while inner:
        inner = False
        theirs = dict(_held(after))
        for step, one in _held(found):
            if step in theirs and _spelled(one, stand_ins) != _spelled(theirs[step], meant):
                place, found, after, inner = place + step, one, theirs[step], True
                break
    cls = type(found)
    raise Unwritable(
        f"{_short(found)} at {place or 'the top'}, a {cls.__module__}.{cls.__qualname__}, would "
        f"come back as {_short(after)}, without all that it has; {_ADVICE}",
        type=f"{cls.__module__}.{cls.__qualname__}",
        place=place,
    )


def _held(obj: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(obj, dict):
        yield from ((f"[{key!r}]", value) for key, value in obj.items())
    elif isinstance(obj, list | tuple):
        yield from ((f"[{index}]", item) for index, item in enumerate(obj))
    elif hasattr(obj, "__dict__") and not isinstance(obj, type | FunctionType):
        yield from ((f".{name}", value) for name, value in vars(obj).items())


def _spelled(obj: Any, known: Mapping[int, str]) -> bytes:
    buffer = io.BytesIO()
    _Speller(buffer, known).dump(obj)
    return buffer.getvalue()


class _Speller(pickle.Pickler):
    """Pickles that are equal where values are, whichever of them are the same object."""

    def __init__(self, file: io.BytesIO, known: Mapping[int, str]) -> None:
        super().__init__(file, protocol=5)
        self.fast = True
        self._known = known

    def persistent_id(self, obj: Any) -> object:
        cls = type(obj)
        if cls in (str, int, float, bool, type(None), list, dict):
            return None
        if id(obj) in self._known:
            return self._known[id(obj)]
        if isinstance(obj, type) or cls is FunctionType:
            return f"{obj.__module__}:{obj.__qualname__}"
        if isinstance(obj, np.ma.MaskedArray):
            return [np.asarray(obj), np.ma.getmaskarray(obj)]
        if cls is np.ndarray:
            items = list(obj.flat) if obj.dtype.hasobject else None
            return [repr(obj.dtype), list(obj.shape), items]
        if cls is functools.partial:
            return ["partial", obj.func, obj.args, obj.keywords, dict(vars(obj))]
        if cls in (set, frozenset):
            return [cls.__name__, sorted(map(repr, obj))]
        # What these have besides is of no weight: caches, and what new generators are spawned from.
        if cls is np.random.RandomState:
            return ["RandomState", obj.get_state(legacy=False)]
        if cls.__module__.startswith("scipy.sparse.") or cls.__qualname__ == "Bunch":
            return [cls.__name__, repr(obj.shape) if hasattr(obj, "tocsr") else dict(obj)]
        return None


def _short(obj: object) -> str:
    text = repr(obj)
    return text if len(text) <= 60 else f"{text[:57]}…"
