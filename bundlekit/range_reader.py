"""Ranges of members, read straight to where the tensors in them are to be, and hashed there."""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bundlekit import digests
from bundlekit.errors import LimitExceeded
from bundlekit.memory import ALIGNMENT, SHARE, Arena
from bundlekit.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from bundlekit.artifact import Artifact
    from bundlekit.source import Buffer, FileSource


@dataclass(eq=False, slots=True)
class Stored:
    """A tensor with bytes, where it lies in its member, and where they were read to."""

    start: int
    end: int
    buffer: memoryview | None = None
    given: bool = False


class Range(NamedTuple):
    """One of the `digests.ranges` of a member."""

    member: str
    number: int
    start: int
    end: int


class RangeReader:
    """Reads ranges to the tensors that have bytes in them; many threads may do so at once.

    Args:
        artifact: the artifact.
        stored: the tensors of each member.
        checked: whether bytes must have the digest of the manifest.
        aliased: the file that the artifact is in, if tensors are to be views of it.
    """

    def __init__(
        self,
        artifact: Artifact,
        stored: Mapping[str, Sequence[Stored]],
        *,
        checked: bool,
        aliased: FileSource | None,
    ) -> None:
        self._artifact = artifact
        self._checked = checked
        self._mapping = None if aliased is None else aliased.map()
        self._shift = 0 if aliased is None else aliased.start
        self._lock = threading.Lock()
        self._arena = Arena()
        self._scratch = Scratch()
        self._ordered = {
            member: sorted((one for one in found if one.start < one.end), key=lambda s: s.start)
            for member, found in stored.items()
        }
        self._starts = {m: [one.start for one in found] for m, found in self._ordered.items()}
        self._whole: dict[str, Buffer] = {}

    def read(self, part: Range) -> bool:
        """Read a range and check it, if it is not left out; tell whether.

        Raises:
            Damaged: it has another digest, or is no longer there.
            LimitExceeded: there is not enough memory for it.
        """
        if part.member in self._whole:
            return False
        if self._mapping is None:
            self._read_to(self._in(part.member, part.start, part.end), part)
        elif self._checked:
            start = self._shift + self._artifact.entry(part.member).data
            view = self._mapping[start + part.start : start + part.end]
            self._require(part, hashlib.sha256(view))
        self._artifact.advance(part.end - part.start)
        return True

    def take(self, member: str, stored: Stored, *, read: bool) -> memoryview:
        """Give a tensor's bytes to the caller, and forget them.

        Args:
            member: the member that it is in.
            stored: the tensor.
            read: whether `read` has read all of its ranges, and nobody has taken it since.

        Raises:
            Damaged: if it has to be read, they have another digest, or are no longer there.
            LimitExceeded: there is not enough memory for them.
        """
        if self._mapping is not None:
            return self._view(self._mapping, member, stored)
        if not read:
            return self._alone(member, stored)
        given = self._buffer(stored)
        stored.buffer = None  # nobody else keeps it from being freed
        return given

    def leave_out(self, member: str, data: Buffer) -> None:
        """Read a member no more, since somebody has read all of it, and checked it."""
        if self._mapping is None:  # of a mapping, it is the mapping that is to be checked
            self._whole[member] = data

    def _view(self, mapping: memoryview, member: str, stored: Stored) -> memoryview:
        start = self._shift + self._artifact.entry(member).data + stored.start
        view = mapping[start : start + stored.end - stored.start]
        if start % ALIGNMENT == 0:
            return view
        copy = self._allocate(len(view))
        copy[:] = view
        return copy

    def _alone(self, member: str, stored: Stored) -> memoryview:
        """Read one tensor, and of what lies around it no more than takes part in its digests."""
        fresh = Stored(stored.start, stored.end)
        buffer = self._buffer(fresh)
        if member in self._whole:
            buffer[:] = memoryview(self._whole[member])[stored.start : stored.end]
            return buffer
        size = self._artifact.entry(member).size
        for index in digests.covering(size, stored.start, stored.end):
            self._read_to([fresh], Range(member, index, *digests.ranges(size)[index]))
        return buffer

    def _read_to(self, wanted: Sequence[Stored], part: Range) -> None:
        """Read a range to where these tensors are to be, and check it there."""
        sha256 = hashlib.sha256()
        offset = self._artifact.entry(part.member).data
        for start, end, large in _runs(part.start, part.end, wanted):
            with self._room(start, end, large) as view:
                self._artifact.source.read_into(offset + start, view)
                if self._checked:
                    sha256.update(view)
                if large is None:
                    self._hand_out(view, start, wanted)
        if self._checked:
            self._require(part, sha256)

    def _require(self, part: Range, sha256: hashlib._Hash) -> None:
        self._artifact.require_digest(part.member, part.number, sha256.hexdigest())

    def _room(
        self, start: int, end: int, large: Stored | None
    ) -> AbstractContextManager[memoryview]:
        if large is None:
            return self._scratch.take(end - start)
        return self._buffer(large)[start - large.start : end - large.start]

    def _hand_out(self, view: memoryview, start: int, wanted: Sequence[Stored]) -> None:
        """Copy the bytes from `start` on to the small tensors that they belong to."""
        for stored in wanted:
            first, last = max(stored.start, start), min(stored.end, start + len(view))
            if first < last and not _is_large(stored):
                target = self._buffer(stored)
                target[first - stored.start : last - stored.start] = view[
                    first - start : last - start
                ]

    def _in(self, member: str, start: int, end: int) -> list[Stored]:
        """Give the tensors that have bytes in a range, in order."""
        ordered, starts = self._ordered[member], self._starts[member]
        index = max(bisect_right(starts, start) - 1, 0)
        found = []
        while index < len(ordered) and ordered[index].start < end:
            if ordered[index].end > start:
                found.append(ordered[index])
            index += 1
        return found

    def _buffer(self, stored: Stored) -> memoryview:
        with self._lock:
            if stored.buffer is None:
                stored.buffer = self._allocate(stored.end - stored.start)
            return stored.buffer

    def _allocate(self, size: int) -> memoryview:
        try:
            return self._arena.allocate(size)
        except MemoryError as error:
            name = self._artifact.source.name
            raise LimitExceeded(
                f"a tensor of {name} has {size:,} bytes, more memory than there is", source=name
            ) from error


def _is_large(stored: Stored) -> bool:
    return stored.end - stored.start >= SHARE


def _runs(
    start: int, end: int, wanted: Sequence[Stored]
) -> Iterator[tuple[int, int, Stored | None]]:
    """Cut a range into what is read at once: a large tensor, or all between two of them."""
    position = start
    for stored in (*filter(_is_large, wanted), Stored(end, end)):
        first = max(stored.start, start)
        for run in range(position, first, digests.CHUNK_SIZE):
            yield run, min(run + digests.CHUNK_SIZE, first), None
        position = min(stored.end, end)
        if first < position:
            yield first, position, stored
