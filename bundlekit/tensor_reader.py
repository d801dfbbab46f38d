"""Tensors by the index: each in memory of its own, which has the digest of the manifest.

A range that has a digest (see `digests.ranges`) is read once, straight to where the tensors in it
are to be, and hashed there. So what was hashed is what is handed out, and no member is ever in
memory as a whole. With `fetch` the cores do that in the background, while a model is built.
"""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bundlekit import digests
from bundlekit.errors import LimitExceeded
from bundlekit.jobs import Jobs
from bundlekit.memory import ALIGNMENT, SHARE, Arena
from bundlekit.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from bundlekit.artifact import Artifact
    from bundlekit.source import Buffer, FileSource
    from bundlekit.tensor_index import Tensor


@dataclass(eq=False, slots=True)
class _Stored:
    """A tensor with bytes, where it lies in its member, and where they were read to."""

    start: int
    end: int
    buffer: memoryview | None = None
    given: bool = False


class _Range(NamedTuple):
    """One of the `digests.ranges` of a member."""

    member: str
    number: int
    start: int
    end: int


class TensorReader:
    """Reads the tensors of an artifact, which must stay open.

    Args:
        artifact: the artifact.
        checked: whether a tensor is given only once its bytes have the digest of the manifest.
        aliased: the file that the artifact is in, to give views of it as far as they are aligned.

    Raises:
        SourceUnreadable: the file cannot be mapped.
    """

    def __init__(
        self, artifact: Artifact, *, checked: bool = True, aliased: FileSource | None = None
    ) -> None:
        self._artifact = artifact
        self._checked = checked
        self._mapping = None if aliased is None else aliased.map()
        self._shift = 0 if aliased is None else aliased.start
        self._lock = threading.Lock()
        self._arena = Arena()
        self._scratch = Scratch(digests.CHUNK_SIZE)
        self._stored: dict[str, dict[str, _Stored]] = {}
        for prefix, part in artifact.manifest.walk():
            for tensor in part.tensors:
                stored = _Stored(tensor.offset, tensor.offset + tensor.size)
                self._stored.setdefault(prefix + tensor.member, {})[tensor.path] = stored
        self._ordered = {
            member: sorted((s for s in found.values() if s.start < s.end), key=lambda s: s.start)
            for member, found in self._stored.items()
        }
        self._starts = {m: [s.start for s in found] for m, found in self._ordered.items()}
        self._first: dict[str, int] = {}
        self._sizes = {m: artifact.entry(m).size for m in self._stored}
        ranges: list[_Range] = []
        for member, size in self._sizes.items():
            self._first[member] = len(ranges)
            parts = enumerate(digests.ranges(size))
            ranges += [_Range(member, index, *part) for index, part in parts]
        self._jobs = Jobs(self._read, ranges)
        self._whole: dict[str, Buffer] = {}

    def __contains__(self, member: str) -> bool:
        return member in self._stored

    def tensor(self, prefix: str, tensor: Tensor) -> memoryview:
        """Give a tensor's bytes, as soon as those ranges are checked that hold them.

        What is given is the caller's alone, and starts at a multiple of 64. Whoever asks for it
        again gets it read again.

        Raises:
            Damaged: they have another digest, or are no longer there.
            LimitExceeded: there is not enough memory for them.
        """
        member = prefix + tensor.member
        stored = self._stored[member][tensor.path]
        with self._lock:
            again, stored.given = stored.given, True
        if self._mapping is None and (again or member in self._whole):
            return self._alone(member, stored)
        indices = digests.covering(self._sizes[member], stored.start, stored.end)
        read = [self._jobs.result(self._first[member] + index) for index in indices]
        if self._mapping is not None:
            return self._view(self._mapping, member, stored)
        if not all(read):
            return self._alone(member, stored)
        given = self._buffer(stored)
        stored.buffer = None  # nobody else keeps it from being freed
        return given

    def fetch(self) -> None:
        """Begin to read all of it in the background, if that is worth it."""
        self._jobs.start(sum(size for m, size in self._sizes.items() if m not in self._whole))

    def settle(self, *, whole: bool) -> None:
        """Check what was read, or `whole` members to their end, and leave no thread.

        Raises:
            Damaged: the first fault in the order of the file.
        """
        try:
            if whole:
                self._jobs.results()
            self._jobs.require_no_error()
        finally:
            self.stop()

    def stop(self) -> None:
        """Leave no thread, whatever is left to check, and no memory that nobody asked for."""
        self._jobs.stop()
        for stored in (one for found in self._stored.values() for one in found.values()):
            stored.given, stored.buffer = True, None

    def leave_out(self, member: str, data: Buffer) -> None:
        """Read a member no more, since somebody has read all of it, and checked it."""
        self._whole[member] = data

    def _view(self, mapping: memoryview, member: str, stored: _Stored) -> memoryview:
        start = self._shift + self._artifact.entry(member).data + stored.start
        view = mapping[start : start + stored.end - stored.start]
        if start % ALIGNMENT == 0:
            return view
        copy = self._allocate(len(view))
        copy[:] = view
        return copy

    def _alone(self, member: str, stored: _Stored) -> memoryview:
        """Read one tensor, and of what lies around it no more than takes part in its digests."""
        fresh = _Stored(stored.start, stored.end)
        buffer = self._buffer(fresh)
        if member in self._whole:
            buffer[:] = memoryview(self._whole[member])[stored.start : stored.end]
            return buffer
        size = self._sizes[member]
        for index in digests.covering(size, stored.start, stored.end):
            self._read_to([fresh], _Range(member, index, *digests.ranges(size)[index]))
        return buffer

    def _read(self, part: _Range) -> bool:
        """Read a range and check it, if it is not left out; tell whether."""
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

    def _read_to(self, wanted: Sequence[_Stored], part: _Range) -> None:
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

    def _require(self, part: _Range, sha256: hashlib._Hash) -> None:
        self._artifact.require_digest(part.member, part.number, sha256.hexdigest())

    def _room(
        self, start: int, end: int, large: _Stored | None
    ) -> AbstractContextManager[memoryview]:
        if large is None:
            return self._scratch.take(end - start)
        return self._buffer(large)[start - large.start : end - large.start]

    def _hand_out(self, view: memoryview, start: int, wanted: Sequence[_Stored]) -> None:
        """Copy the bytes from `start` on to the small tensors that they belong to."""
        for stored in wanted:
            first, last = max(stored.start, start), min(stored.end, start + len(view))
            if first < last and not _is_large(stored):
                target = self._buffer(stored)
                target[first - stored.start : last - stored.start] = view[
                    first - start : last - start
                ]

    def _in(self, member: str, start: int, end: int) -> list[_Stored]:
        """Give the tensors that have bytes in a range, in order."""
        ordered, starts = self._ordered[member], self._starts[member]
        index = max(bisect_right(starts, start) - 1, 0)
        found = []
        while index < len(ordered) and ordered[index].start < end:
            if ordered[index].end > start:
                found.append(ordered[index])
            index += 1
        return found

    def _buffer(self, stored: _Stored) -> memoryview:
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


def _is_large(stored: _Stored) -> bool:
    return stored.end - stored.start >= SHARE


def _runs(
    start: int, end: int, wanted: Sequence[_Stored]
) -> Iterator[tuple[int, int, _Stored | None]]:
    """Cut a range into what is read at once: a large tensor, or all between two of them."""
    position = start
    for stored in (*filter(_is_large, wanted), _Stored(end, end)):
        first = max(stored.start, start)
        for run in range(position, first, digests.CHUNK_SIZE):
            yield run, min(run + digests.CHUNK_SIZE, first), None
        position = min(stored.end, end)
        if first < position:
            yield first, position, stored
