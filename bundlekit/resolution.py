"""Resolution: every class and function that an artifact needs, found before anything is built.

The order, and explicit beats global:

1. what the caller gave, `custom_objects=`;
2. the scopes that are open, merged, the inner one first;
3. what this process itself has bundled;
4. the framework's registry in this process;
5. an import that the caller trusts;
6. code that the artifact carries, if the caller trusts that.

Neither 5 nor 6 happens before all that does not need it is found and all the rest is allowed:
where anything is missing, nothing was imported and nothing was run.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from bundlekit import by_trust, by_value, travel
from bundlekit.errors import BundleError, InvalidCustomObject
from bundlekit.missing import Missing, ambiguous, missing_objects
from bundlekit.need import Names
from bundlekit.source_code import digest_of
from bundlekit.trusted_import import imported
from bundlekit.warning import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bundlekit.adapter import Known
    from bundlekit.need import Need
    from bundlekit.source import Buffer
    from bundlekit.trust import Trust


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What one part of an artifact needs, and what it brings."""

    needs: tuple[Need, ...]
    known: Callable[[], Known]
    """What the part's framework knows in this process."""
    code: Buffer | None = None
    """The pickle of what travels by value."""
    python: str | None = None
    """The version of Python that wrote it."""


class Found(dict["Need", object]):
    """The classes and functions of one part, by need.

    Attributes:
        missing: the optional needs that were neither found nor allowed.
    """

    missing: tuple[Need, ...] = ()


def resolve(asked: Sequence[Asked], given: Mapping[str, object], trust: Trust) -> list[Found]:
    """Find what all parts of an artifact need.

    Args:
        asked: the needs of each part.
        given: the caller's objects, by registered name (`acme>Scale`), plain name (`Scale`), or
            reference (`acme.layers:Scale`).
        trust: what may be imported and run.

    Returns:
        For each part, the objects by need. A raw lambda that may run has no entry, since its
        framework makes it, nor has an operation.

    Raises:
        MissingCustomObjects: all that was not found.
        AmbiguousCustomObject: a plain name that fits two different needs.
        InvalidCustomObject: what was given is no class or function.
        Refused: code or operations that are not trusted, or an import that is not what it says.
    """
    objects_of = [[need for need in part.needs if not by_trust.alone(need)] for part in asked]
    chosen = _chosen(given, [need for needs in objects_of for need in needs])
    by_trust.require([need for part in asked for need in part.needs], trust)
    found: list[Found] = []
    later: list[tuple[Asked, Need, dict[Need, object], str]] = []
    missing: list[Missing] = []
    for part, needs in zip(asked, objects_of, strict=True):
        objects = Found()
        objects.missing = tuple(
            need for need in part.needs if by_trust.alone(need) and not by_trust.allows(need, trust)
        )
        found.append(objects)
        names = Names(needs)
        known = cache(part.known)  # looking takes a while, and most callers give everything
        for need in needs:
            obj = chosen.get(need.identity)
            if obj is None:
                obj = _seen(need, part, names, known)
            if obj is not None:
                objects[need] = _usable(need, obj)
                continue
            route = _route(need, part, trust)
            if isinstance(route, Missing) and need.optional:
                objects.missing += (need,)
            elif isinstance(route, Missing):
                missing.append(route)
            else:
                later.append((part, need, objects, route))
    if not missing:
        missing += _bring(later, trust)
    if missing:
        raise missing_objects(missing, trust)
    for objects in found:
        for need, obj in objects.items():
            _warn_of_another_source(need, obj)
    return found


def require_objects(given: object) -> Mapping[str, object]:
    """Check what a caller gave as `custom_objects=`; nothing counts as an empty dict.

    Raises:
        InvalidCustomObject: no dict; a name that is no text; no class or function.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidCustomObject(
            f"custom_objects is {given!r}; expected a dict of classes and functions by name",
            found=given,
        )
    for name, obj in given.items():
        if not isinstance(name, str) or not callable(obj):
            raise InvalidCustomObject(
                f"custom_objects has {name!r}: {obj!r}; expected a name and a class or function",
                name=name,
                found=obj,
            )
    return given


def _chosen(
    given: Mapping[str, object], needs: Sequence[Need]
) -> dict[tuple[str | None, ...], Any]:
    """Match what was given with what is needed, by the most exact name each."""
    taken: dict[str, list[Need]] = {}
    for need in {need.identity: need for need in needs}.values():
        key = next((key for key in need.keys if key in given), None)
        if key is not None:
            taken.setdefault(key, []).append(need)
    for key, fitting in taken.items():
        if len(fitting) > 1:
            raise ambiguous(key, fitting)
    chosen = {fitting[0].identity: given[key] for key, fitting in taken.items()}
    called = Counter(name for name, _ in {(need.short_name, need.identity) for need in needs})
    for need in needs:
        alone = need.identity not in chosen and called[need.short_name] == 1
        obj = _of_package(need, given) if alone and need.module in (None, "__main__") else None
        if obj is not None:
            chosen[need.identity] = obj
    return chosen


def _seen(need: Need, part: Asked, names: Names, look: Callable[[], Known]) -> Any:
    """Look where nothing has to be imported or run."""
    known = look()
    found = _by_name(need, known.scoped, names)
    if found is None:
        found = travel.bundled_here(need, part.code)
    if found is None:
        found = _by_name(need, known.registered, names)
    if found is None:
        found = _by_name(need, known.elsewhere, names)
        if need.source_sha256 is None or digest_of(found) != need.source_sha256:
            return None  # of another thread's scopes, only what is certainly meant
    return found


def _by_name(need: Need, objects: Mapping[str, Any], names: Names) -> Any:
    """Find an object by a name that means it alone; by another one, only if it is the very one."""
    for name in need.keys:
        obj = objects.get(name)
        if obj is None:
            continue
        home = (getattr(obj, "__module__", None), getattr(obj, "__qualname__", None))
        if names.tell(name, need) or home == (need.module, need.qualname):
            return obj
    if need.module is not None or not names.tell(need.name, need):
        return None
    return _of_package(need, objects)


def _of_package(need: Need, objects: Mapping[str, Any]) -> Any:
    """Find an object of which a file gives the plain name only, as older formats do.

    It has to be the only one of that name that is registered in any package.
    """
    if ">" in need.name:
        return None
    found = {id(obj): obj for name, obj in objects.items() if name.endswith(f">{need.name}")}
    return next(iter(found.values())) if len(found) == 1 else None


def _usable(need: Need, obj: object) -> object:
    fits = callable(obj) if need.kind in ("function", "lambda") else isinstance(obj, type)
    if not fits:
        expected = "a function" if need.kind in ("function", "lambda") else "a class"
        raise InvalidCustomObject(
            f"{need.name!r} was given as {obj!r}; the artifact needs {expected} there "
            f"({need.describe()})",
            name=need.name,
            found=obj,
        )
    return obj


def _route(need: Need, part: Asked, trust: Trust) -> str | Missing:
    """Say how an object can be brought in, or why it cannot and what would help."""
    if need.reference and trust.allows_import(need.module, need.qualname):
        return "import"
    obstacle = _obstacle(need, part)
    if obstacle is None and trust.code:
        return "code"
    return Missing(
        need,
        obstacle or "its code is in the artifact, and not trusted",
        by_name=need.reference is not None,
        by_code=obstacle is None,
    )


def _obstacle(need: Need, part: Asked) -> str | None:
    """Say why the artifact has no code of an object that could run here; `None` if it has."""
    if not need.code:
        return "not trusted" if need.reference else "it cannot be imported"
    if part.code is None:
        return "its code is not in the artifact"
    here = ".".join(platform.python_version_tuple()[:2])
    there = ".".join((part.python or here).split(".")[:2])
    return None if there == here else f"its code is for Python {there}, and this is {here}"


def _bring(
    later: Sequence[tuple[Asked, Need, dict[Need, object], str]], trust: Trust
) -> list[Missing]:
    """Import and run what is allowed, now that nothing else is missing."""
    missing: list[Missing] = []
    opened: dict[int, dict[str, object]] = {}
    for part, need, objects, route in later:
        if route == "import":
            try:
                objects[need] = _usable(need, imported(need, trust, part.known))
                continue
            except BundleError:
                raise
            except (Exception, SystemExit) as error:  # whatever a module does when it is imported
                said = str(error) or type(error).__name__
                reason = f"{need.module} is trusted and could not be imported: {said}"
                carried = _obstacle(need, part) is None
                if not (carried and trust.code):
                    missing.append(Missing(need, reason, by_name=False, by_code=carried))
                    continue
        if id(part) not in opened and part.code is not None:
            opened[id(part)] = by_value.loads(bytes(part.code))
        obj = opened[id(part)].get(str(need.code))
        if obj is None:
            reason = "its code is not in the artifact"
            missing.append(Missing(need, reason, by_name=False, by_code=False))
        else:
            objects[need] = _usable(need, obj)
    return missing


def _warn_of_another_source(need: Need, obj: object) -> None:
    if need.source_sha256 is None:
        return
    found = digest_of(obj)
    if found is not None and found != need.source_sha256:
        version = f" (then {need.distribution} {need.version})" if need.distribution else ""
        warn(
            f"the source of {need.name} is not what it was when the artifact was written"
            f"{version}: its sha256 is {found}, and was {need.source_sha256}; the model may "
            f"behave in another way"
        )
