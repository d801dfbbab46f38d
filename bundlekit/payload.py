"""What is stored of one object, as adapters see it: members on request, each parsed once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit import strict_json
from bundlekit.errors import Damaged
from bundlekit.pieces import Pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bundlekit.manifest import Part
    from bundlekit.source import Buffer

MAX_JSON_SIZE = 64 * 1024 * 1024
"""Bytes of one JSON member. Threat: a config made to fill memory, where JSON takes up to twenty
times its size. A Keras layer takes about 1 KB of config, so this is room for 60,000 layers."""

MAX_JSON_DEPTH = 400
"""Levels in one JSON member. Threat: nesting that exhausts the stack of a parser, or of the
framework that walks the result; Python's own limit is 1,000 calls. A nested Keras model adds
six levels, so this is room for sixty models inside each other."""


class Payload:
    """What is stored of one object: its section of the manifest, and its members.

    `audit` and `unpack` are given the same payload, so what was audited is what is used: a
    member's bytes are checked against their digest before anybody gets them, and `json`
    parses once.

    Args:
        part: what the manifest says of the object.
        members: the bytes of its members by path, relative to the object.
        parts: the objects inside it, by name.
        code: the members that hold code by value, by path; they are no business of adapters.
        whole: whether all of it is wanted; if not, members are read only where they are needed.
    """

    def __init__(
        self,
        part: Part,
        members: Mapping[str, Buffer | Pieces],
        parts: Mapping[str, Payload],
        code: Mapping[str, Buffer] | None = None,
        *,
        whole: bool = True,
    ) -> None:
        self.whole = whole
        self.part = part
        self.parts = parts
        self.code = code or {}
        self._members = members
        self._parsed: dict[str, Any] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the object's members, sorted."""
        return tuple(sorted(self._members))

    def read(self, path: str) -> Buffer:
        """Give a member's bytes.

        Raises:
            Damaged: the object has no such member.
        """
        if path not in self._members:
            raise Damaged(
                f"the payload of the adapter {self.part.adapter!r} has no {path}; it has "
                f"{', '.join(self.paths) or 'no members'}",
                member=path,
            )
        found = self._members[path]
        return found.join() if isinstance(found, Pieces) else found

    def json(self, path: str) -> Any:
        """Give a member as strict JSON; the same objects at every call.

        NaN and infinities are let through: frameworks write them.

        Raises:
            Damaged, LimitExceeded: it is missing, not strict JSON, or larger or deeper than
                allowed.
        """
        if path not in self._parsed:
            self._parsed[path] = strict_json.decode(
                self.read(path),
                what=path,
                max_size=MAX_JSON_SIZE,
                max_depth=MAX_JSON_DEPTH,
                finite=False,
            )
        return self._parsed[path]

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Give what `make` makes of the members; the same object at every call with this name.

        So that what `audit` derives from a member is what `unpack` uses.
        """
        key = f"{name} once"
        if key not in self._parsed:
            self._parsed[key] = make()
        return self._parsed[key]

    def walk(self) -> Iterator[Payload]:
        """Yield this payload and all inside it, outermost first."""
        yield self
        for _, inner in sorted(self.parts.items()):
            yield from inner.walk()
