"""What is stored of one object, as adapters see it: members on request, each parsed once."""

from __future__ import annotations

import difflib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bundlekit import strict_json
from bundlekit.errors import Damaged, NoSuchMember
from bundlekit.memory import Arena
from bundlekit.pieces import Pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bundlekit.manifest import Part
    from bundlekit.source import Buffer
    from bundlekit.tensor_index import Tensor
    from bundlekit.tensor_reader import TensorReader

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
        reader: reads the tensors; without one they are in the members, in memory.
        prefix: where the object's members are in what the reader reads.
    """

    def __init__(
        self,
        part: Part,
        members: Mapping[str, Buffer | Pieces],
        parts: Mapping[str, Payload],
        code: Mapping[str, Buffer] | None = None,
        *,
        whole: bool = True,
        reader: TensorReader | None = None,
        prefix: str = "",
    ) -> None:
        self.whole = whole
        self.part = part
        self.parts = parts
        self.code = code or {}
        self._members = members
        self._parsed: dict[str, Any] = {}
        self._reader = reader
        self._prefix = prefix
        self._arena = Arena()

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

    def tensor(self, path: str) -> memoryview:
        """Give the bytes of a tensor of the index, writable, and the caller's alone.

        They start at a multiple of 64, and are freed when nobody uses them. They are given once
        they have the digest of the manifest, and it is these very bytes that were hashed; unless
        the caller of `unbundle` has asked for less. Who asks twice gets them twice, read again.

        Raises:
            NoSuchMember: the index has no such tensor.
            Damaged: the bytes are not those that were bundled.
        """
        tensor = self._tensors.get(path)
        if tensor is None:
            near = difflib.get_close_matches(path, self._tensors, 1)
            raise NoSuchMember(
                f"the payload of the adapter {self.part.adapter!r} has no tensor {path!r} in its "
                f"index of {len(self._tensors)}{f'; the nearest is {near[0]!r}' if near else ''}",
                tensor=path,
            )
        if self._reader is not None:
            return self._reader.tensor(self._prefix, tensor)
        data = self._members[tensor.member]
        pieces = data if isinstance(data, Pieces) else Pieces([data])
        given = self._arena.allocate(tensor.size)
        pieces.copy(tensor.offset, tensor.offset + tensor.size, given)
        return given

    def fetch(self) -> None:
        """Begin to read all tensors in the background; the core does so before `unpack`."""
        if self._reader is not None and self.whole:
            self._reader.fetch()

    def settle(self) -> None:
        """Make sure that all of it was checked that is wanted; the core does so after `unpack`.

        Raises:
            Damaged: the first fault, in the order of the file.
        """
        if self._reader is not None:
            self._reader.settle(whole=self.whole)

    def stop(self) -> None:
        """End what `fetch` has begun; the core does so when `unpack` is interrupted."""
        if self._reader is not None:
            self._reader.stop()

    @cached_property
    def _tensors(self) -> dict[str, Tensor]:
        return {tensor.path: tensor for tensor in self.part.tensors}

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
