"""Trust: what a caller allows an artifact to import and to run. Pure functions over names.

The default is nothing. There is no switch for a whole process, no environment variable, and no
name that stands for everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bundlekit.errors import InvalidTrust

_DOTTED = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_NAME = re.compile(rf"{_DOTTED}(?::{_DOTTED})?")
_OPERATION = re.compile(r"\w[\w>.\-/]*")


@dataclass(frozen=True, kw_only=True)
class Trust:
    """What an artifact may import and run while it is restored.

    Each kind of permission stands for itself: names do not allow code by value, and
    `code=True` does not allow imports of names.

    Args:
        imports: packages (`acme`), modules (`acme.layers`), or single objects
            (`acme.layers:Scale`) that may be imported. A package allows all modules below it.
        code: whether code that the artifact carries by value, lambdas among it, may run. It can do
            whatever you can do.
        ops: operations of a graph, such as `PrintV2`, that may run though they are on no list of
            those that only compute.
        signers: who must have signed it. Signatures are not checked yet: an artifact is refused
            where this names anybody.

    Raises:
        InvalidTrust: a name that is none, one that stands for everything, a string where a list
            of names belongs, a bare boolean.

    Example:
        >>> Trust(imports=["acme"]).allows_import("acme.layers", "Scale")
        True
        >>> Trust(imports=["acme.layers:Scale"]).allows_import("acme.layers", "Other")
        False
    """

    imports: tuple[str, ...] = ()
    code: bool = False
    ops: tuple[str, ...] = ()
    signers: tuple[object, ...] = ()

    def __init__(
        self,
        imports: Iterable[str] = (),
        code: bool = False,
        ops: Iterable[str] = (),
        signers: Iterable[object] = (),
    ) -> None:
        if type(code) is not bool:
            raise InvalidTrust(
                f"Trust(code={code!r}) is neither True nor False; whom you trust to be imported "
                f"goes into imports=[…]",
                found=code,
            )
        object.__setattr__(self, "imports", _names(imports, "imports"))
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "ops", _operations(ops))
        object.__setattr__(self, "signers", _listed(signers, "signers"))

    @classmethod
    def of(cls, value: Trust | Iterable[str] | None) -> Trust:
        """Read what a caller wrote as `trust=`: a `Trust`, a list of names to import, or nothing.

        Raises:
            InvalidTrust: it is something else; a bare boolean, above all. Or it asks for
                signatures, which nothing can check yet.
        """
        trust = value if isinstance(value, Trust) else cls(imports=() if value is None else value)
        if trust.signers:
            raise InvalidTrust(
                f"trust asks for a signature of {', '.join(map(repr, trust.signers))}, and this "
                f"version of bundlekit checks none; leave signers out, and compare the digest with "
                f"one that you were told",
                found=trust.signers,
            )
        return trust

    def allows_import(self, module: str | None, qualname: str | None) -> bool:
        """Tell whether an object may be imported: it, its module, or a package around that."""
        if not module or not qualname:
            return False
        return any(_covers(name, module, qualname) for name in self.imports)

    def allows_module(self, module: str) -> bool:
        """Tell whether anything in a module may be imported, and so the module itself."""
        return any(_below(module, name.partition(":")[0]) for name in self.imports)


def _covers(name: str, module: str, qualname: str) -> bool:
    package, _, attribute = name.partition(":")
    if attribute:
        return module == package and (qualname + ".").startswith(attribute + ".")
    return _below(module, package)


def _below(module: str, package: str) -> bool:
    return (module + ".").startswith(package + ".")


def _names(value: object, field: str) -> tuple[str, ...]:
    names = _listed(value, field)
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidTrust(
                f"{name!r} cannot be trusted: it is not the name of a package, a module or an "
                f"object; name each, as in trust=['acme', 'acme.layers:Scale']; nothing stands for "
                f"all of them",
                found=name,
            )
    return tuple(str(name) for name in names)


def _operations(value: object) -> tuple[str, ...]:
    ops = _listed(value, "ops")
    for op in ops:
        if not isinstance(op, str) or not _OPERATION.fullmatch(op):
            raise InvalidTrust(
                f"{op!r} cannot be trusted: it is not the name of an operation; name each, as in "
                f"Trust(ops=['PrintV2']); nothing stands for all of them",
                found=op,
            )
    return tuple(str(op) for op in ops)


def _listed(value: object, field: str) -> tuple[str, ...]:
    if isinstance(value, str | bytes | bool) or not isinstance(value, Iterable):
        raise InvalidTrust(
            f"{value!r} as {field}: trust takes a list of names, as in trust=['acme'], or "
            f"Trust(code=True) for code that the artifact carries; nothing stands for all of them",
            found=value,
        )
    return tuple(value)
