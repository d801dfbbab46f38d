"""What an artifact needs from outside: a class or function that its framework does not define."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from bundlekit.tensor_index import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
CODE_NAME = r"[0-9]{1,6}\.[A-Za-z0-9_]{1,64}"


class Need(Value, frozen=True, kw_only=True):
    """A class or function that an artifact needs, where it lived, and how it travels.

    Written into the manifest when bundling, from the live object. Of an artifact that was not
    written by bundlekit, or whose manifest is silent, it holds what the raw config says.

    Example:
        >>> need = Need(name="acme>Scale", module="acme.layers", qualname="Scale")
        >>> need.short_name, need.reference, need.travels
        ('Scale', 'acme.layers:Scale', 'reference')
    """

    name: Annotated[str, msgspec.Meta(min_length=1)]
    """The name that the framework registers it under, such as `acme>Scale`."""
    class_name: str = ""
    """Its own name; for a function, the function's."""
    kind: str = "object"
    """What it is in the framework's terms: `layer`, `loss`, `function`, …

    Two kinds are met by trust alone, and never given or imported: a `lambda` without `code`, whose
    bytecode the framework itself would run, and an `op`, an operation of a graph that is on no
    list of those that only compute.
    """
    module: str | None = None
    """The module that defines it."""
    qualname: str | None = None
    """Its qualified name in that module."""
    distribution: str | None = None
    """The installed distribution that the module belongs to."""
    version: str | None = None
    """That distribution's version."""
    source_sha256: Digest | None = None
    """The sha256 of its source text; `None` where there is none."""
    code: Annotated[str, msgspec.Meta(pattern=rf"^{CODE_NAME}\Z")] | None = None
    """By value: what it is called in the code that the artifact carries. `None`: by reference."""
    where: tuple[str, ...] = ()
    """The places in the artifact that use it, in order."""
    optional: bool = False
    """Whether something less can be restored without it; what, the adapter says."""

    @property
    def short_name(self) -> str:
        """The registered name without its package."""
        return self.name.rpartition(">")[2]

    @property
    def travels(self) -> str:
        """How it travels: by `reference`, to be imported, or by `value`, in the artifact."""
        return "value" if self.code else "reference"

    @property
    def reference(self) -> str | None:
        """What `trust=` calls it, `module:qualname`; `None` where nobody could import that."""
        if not self.module or self.module == "__main__" or not self.qualname:
            return None
        return None if "<" in self.qualname else f"{self.module}:{self.qualname}"

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What tells it from other needs, wherever it is used."""
        return (self.name, self.module, self.qualname, self.source_sha256, self.code)

    @property
    def keys(self) -> tuple[str, ...]:
        """The names under which a caller may give it, the most exact first.

        What it is called in the artifact's code, where it lives, its registered name, its plain
        names.
        """
        home = f"{self.module}:{self.qualname}" if self.module and self.qualname else None
        names = (self.code, home, self.name, self.short_name, self.class_name)
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def is_op(self) -> bool:
        """Whether it is an operation of a graph, for `Trust(ops=[…])`."""
        return self.kind == "op"

    def summary(self) -> str:
        """Say what it is, where it lives and how it travels, in one line."""
        return self.describe() if self.is_op else f"{self.describe()}, by {self.travels}"

    def describe(self) -> str:
        """Say what it is and where it lives, in one line."""
        if self.is_op:
            return f"the operation {self.name} in {some(self.where)}"
        home = f"{self.module or 'an unknown module'}"
        home += f":{self.qualname}" if self.module and self.qualname else ""
        if self.distribution:
            home += f" of {self.distribution} {self.version}"
        return f"{self.name}, {self.kind} from {home}"


def some(where: Sequence[str]) -> str:
    """Name the first few places, and say how many more there are."""
    return ", ".join(where[:5]) + (f" and {len(where) - 5} more" if len(where) > 5 else "")


class Names:
    """What the names of several needs mean, and which of them mean one alone.

    Example:
        >>> scale = Need(name="acme>Scale", class_name="Scale", module="acme", qualname="Scale")
        >>> names = Names([scale, Need(name="other>Scale", class_name="Scale")])
        >>> names.tell("Scale", scale), names.tell("acme>Scale", scale)
        (False, True)
    """

    def __init__(self, needs: Iterable[Need]) -> None:
        self._meant: dict[str, set[tuple[str | None, ...]]] = {}
        for need in needs:
            for name in need.keys:
                self._meant.setdefault(name, set()).add(need.identity)

    def tell(self, name: str, need: Need) -> bool:
        """Tell whether a name means this need and no other one."""
        return self._meant.get(name, set()) <= {need.identity}
