"""The registry: installed adapters, found by entry point, validated when they arrive.

First-party adapters come through the same door as everybody's. A plug-in that cannot be used
is a warning that names it, and an error only when it is the one that is needed.
"""

from __future__ import annotations

import difflib
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Known
from bundlekit.errors import (
    AdapterBroken,
    AdapterConflict,
    AdapterMissing,
    UnsupportedObject,
)
from bundlekit.here import installations
from bundlekit.warning import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bundlekit.adapter import Adapter, Need, Payload
    from bundlekit.here import Installations

GROUP = "bundlekit.adapters"

_ATTRIBUTES: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "version": int,
    "reads": tuple,
    "types": tuple,
    "default": (bool, tuple),
    "deterministic": bool,
    "pack_options": tuple,
    "unpack_options": tuple,
}
_METHODS = ("pack", "audit", "unpack")


@dataclass(frozen=True)
class Record:
    """An adapter that is installed, and where it comes from."""

    name: str
    distribution: str
    distribution_version: str
    target: str

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.distribution_version}, {self.target})"


@dataclass(frozen=True)
class Installed(Record):
    """One that can be used."""

    adapter: Adapter

    def marks(self, cls: type) -> bool:
        """Tell whether a type has an attribute by which the adapter knows it."""
        return any(hasattr(cls, mark) for mark in getattr(self.adapter, "marks", ()))

    def known(self) -> Known:
        """Give what the adapter's framework knows by name; nothing, where it has no way to."""
        known: Callable[[], Known] | None = getattr(self.adapter, "known", None)
        return known() if known else Known()

    def scoped(self) -> Mapping[str, object]:
        """Give the objects of the scopes that the calling thread has open."""
        scoped: Callable[[], Mapping[str, object]] | None = getattr(self.adapter, "scoped", None)
        return scoped() if scoped else {}

    def needed(self, needs: tuple[Need, ...], options: Mapping[str, object]) -> tuple[Need, ...]:
        """Give those of the needs that restoring with these options takes; by default all."""
        needed: Callable[..., tuple[Need, ...]] | None = getattr(self.adapter, "needed", None)
        return needed(needs, options) if needed else needs

    def requires(self, payload: Payload) -> tuple[str, ...]:
        """Name what unpacking a payload takes; nothing, where the adapter does not say."""
        requires: Callable[[Payload], tuple[str, ...]] | None
        requires = getattr(self.adapter, "requires", None)
        return requires(payload) if requires else ()

    def inner(self, obj: Any) -> Mapping[str, Any]:
        """Give what is inside of an object and may be held elsewhere too, by place."""
        inner: Callable[[Any], Mapping[str, Any]] | None = getattr(self.adapter, "inner", None)
        return inner(obj) if inner else {}

    def deep(self, payload: Payload) -> bool:
        """Compare the tensor index with the members themselves; tell whether there is a way to."""
        deep: Callable[[Payload], None] | None = getattr(self.adapter, "deep", None)
        if deep is not None:
            deep(payload)
        return deep is not None


@dataclass(frozen=True)
class Broken(Record):
    """One that cannot, and why."""

    fault: str


@dataclass(frozen=True)
class Registry:
    """All adapters that are installed, in the order of their names."""

    records: tuple[Installed | Broken, ...]

    @property
    def usable(self) -> tuple[Installed, ...]:
        """The adapters that can be used."""
        return tuple(record for record in self.records if isinstance(record, Installed))

    def get(self, name: str, *, distribution: str | None = None) -> Installed:
        """Find an adapter by name.

        Args:
            name: its name.
            distribution: the one that an artifact names, to say what to install.

        Raises:
            AdapterMissing, AdapterConflict, AdapterBroken: with the remedy.
        """
        found = [record for record in self.records if record.name == name]
        if not found:
            raise self._missing(name, distribution)
        if len(found) > 1:
            raise _conflict(f"the adapter name {name!r} is claimed twice", found, "")
        record = found[0]
        if isinstance(record, Broken):
            raise AdapterBroken(
                f"the adapter {record} is installed and cannot be used: {record.fault}",
                adapter=name,
                distribution=record.distribution,
            )
        return record

    def choose(self, obj: object, name: str | None = None) -> Installed:
        """Find the adapter for an object: the one that is named, or the one that claims it.

        Raises:
            UnsupportedObject, AdapterMissing, AdapterConflict, AdapterBroken: there is none.
        """
        return self.claiming(obj) if name is None else self.require(obj, name)

    def claiming(self, obj: object) -> Installed:
        """Find the adapter for an object: the claim nearest in its type's MRO wins.

        A type that nobody claims by name may have a mark that somebody claims.

        Raises:
            UnsupportedObject: nobody claims it.
            AdapterConflict: two claims are equally near.
        """
        nearest = (
            [r for r in self.usable if _claims(_defaults(r.adapter), cls)]
            for cls in type(obj).__mro__
        )
        marked = [r for r in self.usable if r.adapter.default and r.marks(type(obj))]
        near = next(filter(None, nearest), marked)
        if len(near) > 1:
            remedy = f" or name one, bundle(obj, {near[0].name!r})"
            raise _conflict(f"the type {_dotted(type(obj))} is claimed twice", near, remedy)
        if near:
            return self.get(near[0].name)
        raise self._unsupported(obj)

    def require(self, obj: object, name: str) -> Installed:
        """Find an adapter by name and make sure that it takes the object.

        Raises:
            UnsupportedObject: it does not.
        """
        if not isinstance(name, str):
            raise AdapterMissing(f"the adapter is {name!r}; expected its name, a string")
        record = self.get(name)
        named = any(_claims(record.adapter.types, cls) for cls in type(obj).__mro__)
        if named or record.marks(type(obj)):
            return record
        raise UnsupportedObject(
            f"the adapter {name!r} does not take {_dotted(type(obj))}; it takes "
            f"{', '.join(record.adapter.types)}",
            type=_dotted(type(obj)),
            adapter=name,
        )

    def _missing(self, name: str, distribution: str | None) -> AdapterMissing:
        installed = [record.name for record in self.records]
        if distribution:
            remedy = f"pip install {distribution}"
        else:
            near = difflib.get_close_matches(name, installed, 1)
            remedy = f"did you mean {near[0]!r}?" if near else "see `bundlekit adapters`"
        return AdapterMissing(
            f"no installed adapter is called {name!r}; installed: "
            f"{', '.join(installed) or 'none'}; {remedy}",
            adapter=name,
            distribution=distribution,
            installed=tuple(installed),
        )

    def _unsupported(self, obj: object) -> UnsupportedObject:
        known = [f"{r.name} takes {', '.join(r.adapter.types)}" for r in self.usable]
        broken = [f"{r} cannot be used: {r.fault}" for r in self.records if isinstance(r, Broken)]
        return UnsupportedObject(
            f"no installed adapter takes {_dotted(type(obj))}; installed: "
            f"{'; '.join([*(known or ['none']), *broken])}",
            type=_dotted(type(obj)),
            installed=tuple(record.name for record in self.records),
        )


def installed() -> Registry:
    """Give the adapters of this environment; looked up again when what is installed changes."""
    return _look_up(installations())


@lru_cache(maxsize=1)
def _look_up(_installations: Installations) -> Registry:
    points = sorted(metadata.entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    return Registry(tuple(_load(point) for point in points))


def _load(point: metadata.EntryPoint) -> Installed | Broken:
    distribution, version = (point.dist.name, point.dist.version) if point.dist else ("?", "?")
    origin = (point.name, distribution, version, point.value)
    try:
        adapter = point.load()()
        fault = _fault(adapter, point.name)
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
    if fault is None:
        return Installed(*origin, adapter)
    broken = Broken(*origin, fault)
    warn(f"the adapter {broken} cannot be used: {fault}")
    return broken


def _fault(adapter: object, name: str) -> str | None:
    for attribute, kind in _ATTRIBUTES.items():
        found = getattr(adapter, attribute, None)
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            kinds = kind if isinstance(kind, tuple) else (kind,)
            expected = " or ".join(one.__name__ for one in kinds)
            return f"its attribute {attribute!r} is {found!r}; expected {expected}"
    for method in _METHODS:
        if not callable(getattr(adapter, method, None)):
            return f"it has no method {method!r}"
    if adapter.name != name:  # type: ignore[attr-defined]
        return f"it calls itself {adapter.name!r}; its entry point says {name!r}"  # type: ignore[attr-defined]
    if adapter.version not in adapter.reads:  # type: ignore[attr-defined]
        return f"it does not read its own version {adapter.version!r}"  # type: ignore[attr-defined]
    return None


def _defaults(adapter: Adapter) -> tuple[str, ...]:
    """Give the types that an adapter is the one to use for when the user names none."""
    if isinstance(adapter.default, tuple):
        return adapter.default
    return adapter.types if adapter.default else ()


def _claims(types: tuple[str, ...], cls: type) -> bool:
    """Tell whether exactly this class is claimed, by any name it has."""
    return any(name == _dotted(cls) or _imported(name) is cls for name in types)


def _imported(name: str) -> object:
    # A class of a framework can only be met where the framework is imported, so its public
    # name can be followed there, and nothing is imported to do so.
    module, _, attribute = name.rpartition(".")
    return getattr(sys.modules.get(module), attribute, None)


def _dotted(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _conflict(what: str, records: Iterable[Record], remedy: str) -> AdapterConflict:
    listed = list(records)
    return AdapterConflict(
        f"{what}: by {' and by '.join(map(str, listed))}; uninstall one of them{remedy}",
        distributions=tuple(record.distribution for record in listed),
    )
