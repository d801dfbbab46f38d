"""How a class or function gets into another process: by reference, or by value.

By reference where a fresh interpreter could import it, from an installed distribution or from the
folders that this one looks in; by value, as code inside the artifact, where it could not: from
`__main__`, notebooks, functions, modules that were made by hand.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from bundlekit import by_value
from bundlekit.errors import UnknownOption, Unwritable
from bundlekit.here import distributions
from bundlekit.home import home_of, is_found
from bundlekit.need import Need
from bundlekit.source_code import digest_of, source_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from importlib.machinery import ModuleSpec

    from bundlekit.adapter import CustomObject
    from bundlekit.source import Buffer

CODE = "code/"
"""Where the code that travels by value is kept, inside a part."""
PICKLE = f"{CODE}objects.pickle"
MODES = ("auto", "reference", "value")

_bundled_here: WeakValueDictionary[tuple[object, ...], Any] = WeakValueDictionary()


@dataclass(frozen=True)
class Packed:
    """The custom objects of one part, as they are stored."""

    needs: tuple[Need, ...] = ()
    members: Mapping[str, bytes] = field(default_factory=dict)
    objects: Mapping[Need, object] = field(default_factory=dict)
    """The live objects."""


def pack(found: Sequence[CustomObject], mode: str, present: Collection[str] = ()) -> Packed:
    """Say of each object where it lives and how it travels, and pack those that go by value.

    Args:
        found: the live objects.
        mode: `reference` refuses what cannot be imported, `value` packs everything, `auto` packs
            what cannot be imported.
        present: distributions that every reader has, as the object is made with them; what they
            define is imported, whatever the mode.

    Raises:
        UnknownOption: there is no such mode.
        Unwritable: an object cannot travel in this way; a lambda, unless by value was asked for.
    """
    if mode not in MODES:
        raise UnknownOption(
            f"code={mode!r} is not known; it is one of {', '.join(MODES)}",
            option="code",
            found=mode,
            known=MODES,
        )
    needs: dict[Need, object] = {}
    carried: dict[str, object] = {}
    members: dict[str, bytes] = {}
    packages: set[str] = set()
    for custom in found:
        need = _describe(custom)
        by_value_asked = mode == "value" and need.distribution not in present
        reason = "by value was asked for" if by_value_asked else _unimportable(custom)
        if reason:
            _require_allowed(custom, mode, reason)
            name = re.sub(r"[^A-Za-z0-9_]", "_", need.class_name)[:64] or "_"
            need = _replace(need, code=f"{len(carried)}.{name}")
            carried[str(need.code)] = custom.obj
            packages |= _packages_around(need) if mode == "value" or not need.version else set()
            source = source_of(custom.obj)
            if source is not None:
                members[f"{CODE}{need.code}.py"] = source.encode()
        needs[need] = custom.obj
    if carried:
        members[PICKLE] = by_value.dumps(carried, modules=sorted(packages))
    _remember(needs, members.get(PICKLE))
    return Packed(tuple(needs), members, needs)


def bundled_here(need: Need, code: Buffer | None) -> object | None:
    """Give the object that this process itself has bundled as this need, if it still exists."""
    return _bundled_here.get(_key(need, code))


def importable(obj: Any) -> bool:
    """Tell whether a fresh interpreter with this one's folders would import the very same thing."""
    module, qualname = home_of(obj)
    if not module or module == "__main__" or "<" in qualname or not is_found(obj, module, qualname):
        return False
    return _would_find(module, getattr(sys.modules[module], "__file__", None))


def _describe(custom: CustomObject) -> Need:
    module, qualname = home_of(custom.obj)
    distribution = _distribution(module) if module else None
    return Need(
        name=custom.name,
        class_name=getattr(custom.obj, "__name__", custom.name),
        kind=custom.kind,
        module=module,
        qualname=qualname,
        distribution=distribution,
        version=importlib.metadata.version(distribution) if distribution else None,
        source_sha256=digest_of(custom.obj),
        where=tuple(custom.where),
        optional=custom.optional,
    )


def _replace(need: Need, **changes: Any) -> Need:
    import msgspec

    return msgspec.structs.replace(need, **changes)


def _unimportable(custom: CustomObject) -> str | None:
    if importable(custom.obj):
        return None
    module, qualname = home_of(custom.obj)
    if module == "__main__":
        return "it is defined in __main__, a script or a notebook"
    if "<locals>" in qualname:
        return "it is defined inside a function"
    if module in sys.modules and not is_found(custom.obj, module, qualname):
        return f"{qualname} in the module {module} is another one by now"
    return f"a fresh interpreter does not find it as {qualname} in the module {module}"


def _require_allowed(custom: CustomObject, mode: str, reason: str) -> None:
    places = ", ".join(custom.where)
    if mode == "reference":
        raise Unwritable(
            f"the {custom.kind} {custom.name!r}, used at {places}, cannot travel by reference: "
            f"{reason}; move it to a module that its readers can import, or let it travel in the "
            f'artifact with code="value"',
            name=custom.name,
            where=tuple(custom.where),
        )
    if mode == "auto" and custom.kind == "lambda":
        text = (source_of(custom.obj) or "").strip()
        raise Unwritable(
            f"it holds a lambda at {places}{f' ({text})' if text else ''}; a lambda has no name "
            f"that a reader could be told; write a named function, or let it travel in the "
            f'artifact with code="value"',
            name=custom.name,
            where=tuple(custom.where),
        )


def _packages_around(need: Need) -> set[str]:
    """Give what travels with an object: what its package defines, if that is not installed."""
    module = need.module or "__main__"
    names = (module.partition(".")[0], module)
    return {name for name in names if name != "__main__" and name in sys.modules}


def _remember(needs: Mapping[Need, object], code: bytes | None) -> None:
    for need, obj in needs.items():
        _bundled_here[_key(need, code)] = obj


def _key(need: Need, code: Buffer | None) -> tuple[object, ...]:
    # What travels by value is told by its bytes, since closures of one source differ there.
    digest = sha256(code).hexdigest() if need.code and code is not None else None
    return (*need.identity, digest)


def _would_find(module: str, file: str | None) -> bool:
    """Whether the import system finds this module, and in the file that is loaded."""
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    for name in _parents(module):
        specs = (finder.find_spec(name, path, None) for finder in sys.meta_path)
        spec = next((found for found in specs if found is not None), None)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    origin = spec.origin if spec else None
    if not file or not origin:
        return origin in ("built-in", "frozen")
    return Path(origin).resolve() == Path(file).resolve()


def _parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        yield ".".join(parts[:end])


def _distribution(module: str) -> str | None:
    """Give the distribution that a module's top-level package belongs to."""
    found = sorted(set(distributions().get(module.partition(".")[0], ())))
    return found[0] if found else None
