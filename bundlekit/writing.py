"""An artifact that is written: its members, each hashed as it is copied, and the manifest."""

from __future__ import annotations

import hashlib
import io
import zlib
from contextlib import closing
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bundlekit import digests, layout
from bundlekit.crc import combined
from bundlekit.errors import LimitExceeded, TargetUnusable, Unwritable
from bundlekit.jobs import WORTH_A_THREAD, Jobs
from bundlekit.manifest import Manifest, Member
from bundlekit.member_names import check_paths
from bundlekit.pieces import Pieces
from bundlekit.progress import Progress
from bundlekit.sink import FileSink, MemorySink, Sink, is_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from bundlekit.progress import Report
    from bundlekit.source import Buffer


class Content(NamedTuple):
    """A member to be written."""

    data: Buffer | Pieces
    tensors: bool = False
    """Whether it holds tensors in bulk: such members come first, aligned for mapping."""


_Describe: TypeAlias = "Callable[[tuple[Member, ...]], Manifest]"
_Plan: TypeAlias = "list[tuple[layout.Entry, Pieces]]"


def write(
    file: IO[bytes],
    contents: Mapping[str, Content],
    describe: _Describe,
    report: Report | None = None,
) -> Manifest:
    """Write an artifact from its members and from what describes them.

    A file on a disk is written in place, by all cores, and takes little memory. Anything else,
    such as a pipe, is given the artifact from front to back, after it was made in memory.

    Args:
        file: written from where it stands; it need not be seekable.
        contents: the members by path.
        describe: makes the manifest, once the members' digests are known.
        report: told of the bytes of members that are done, and of those in all.

    Raises:
        Unwritable: a member's name, or the number of members, is not one of the format.
        TargetUnusable: the file takes nothing.
    """
    if is_file(file):
        with Writer(FileSink(file), report) as writer:
            return writer.finish(contents, describe)
    data, manifest = build(contents, describe, report)
    _put(file, data)
    return manifest


def build(
    contents: Mapping[str, Content],
    describe: _Describe,
    report: Report | None = None,
) -> tuple[bytes, Manifest]:
    """Make an artifact in memory, with one copy of the members; see `write`."""
    plan = _planned(contents)
    sink = MemorySink(plan[-1][0].end if plan else 0)
    with Writer(sink, report) as writer:
        manifest = writer.finish(contents, describe)
        return sink.value(), manifest


class Writer:
    """An artifact on its way into a sink; large tensors may go ahead while the rest is made.

    Args:
        sink: where it goes.
        report: told of the bytes of members that are done, and of those in all.
    """

    def __init__(self, sink: Sink, report: Report | None = None) -> None:
        self._sink = sink
        self._progress = Progress(report)
        self._ahead: _Filling | None = None
        self._first: Content | None = None

    def begin(self, path: str, content: Content) -> None:
        """Begin to write what will be the first member, if it is large enough to be worth it.

        If another one turns out to come first, it is written again at its place.
        """
        if self._ahead is not None or not content.tensors:
            return
        plan = _planned({path: content})
        if plan[0][0].size >= WORTH_A_THREAD:
            self._first = content
            self._ahead = _Filling(self._sink, plan, self._progress)
            self._ahead.start(besides=1)

    def finish(self, contents: Mapping[str, Content], describe: _Describe) -> Manifest:
        """Write all that is not written yet.

        Args:
            contents: all members by path.
            describe: makes the manifest, once the members' digests are known.

        Raises:
            Unwritable: a member's name, or the number of members, is not one of the format.
        """
        plan = _planned(contents)
        self._progress.expect(sum(entry.size for entry, _ in plan))
        ahead: list[tuple[layout.Entry, Member]] = []
        if self._ahead is not None and contents[plan[0][0].path] is self._first:
            ahead = self._ahead.results()
        elif self._ahead is not None:
            self._ahead.close()
        with closing(_Filling(self._sink, plan[len(ahead) :], self._progress)) as rest:
            rest.start()
            written = [*ahead, *rest.results()]
        for entry, _ in written:
            header = layout.local_header(entry)
            with self._sink.room(entry.start, len(header)) as room:
                room[:] = header
        members = sorted((member for _, member in written), key=lambda member: member.path)
        manifest = describe(tuple(members))
        _end(self._sink, [entry for entry, _ in written], _readable(manifest))
        self._progress.finish()
        return manifest

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._ahead is not None:
            self._ahead.close()
        self._sink.close()


def _planned(contents: Mapping[str, Content]) -> _Plan:
    """Find each member's place; all of an entry is known before but the checksum."""
    check_paths([*contents, layout.MANIFEST])
    if len(contents) >= layout.MAX_ENTRIES:
        raise Unwritable(f"{len(contents):,} members; at most {layout.MAX_ENTRIES - 1:,} fit")
    order = sorted(contents, key=lambda path: layout.file_order(path, contents[path].tensors))
    plan: _Plan = []
    start = 0
    for path in order:
        data, tensors = contents[path]
        pieces = data if isinstance(data, Pieces) else Pieces([data])
        plan.append((layout.Entry(path, start, pieces.size, 0, tensors), pieces))
        start = plan[-1][0].end
    return plan


class _Filling:
    """Members that are copied into a sink, and hashed, by several threads."""

    def __init__(self, sink: Sink, plan: _Plan, progress: Progress) -> None:
        self._sink = sink
        self._plan = plan
        self._progress = progress
        self._parts = [
            (entry, pieces, *part) for entry, pieces in plan for part in digests.ranges(entry.size)
        ]
        self._jobs = Jobs(lambda part: self._put(*part), self._parts)

    def start(self, besides: int = 0) -> None:
        """Begin, on all cores but those that are busy besides."""
        threads = max((self._sink.expect(entry.size) for entry, _ in self._plan), default=0)
        size = sum(entry.size for entry, _ in self._plan)
        self._jobs.start(size, max(threads - besides, 1))

    def results(self) -> list[tuple[layout.Entry, Member]]:
        """Wait until all is written, and give the entries with their checksums, and the members."""
        found: dict[str, list[str]] = {entry.path: [] for entry, _ in self._plan}
        checksums = dict.fromkeys(found, 0)
        for (entry, _, start, end), (digest, crc) in zip(
            self._parts, self._jobs.results(), strict=True
        ):
            found[entry.path].append(digest)
            checksums[entry.path] = combined(checksums[entry.path], crc, end - start)
        written = []
        for entry, _ in self._plan:
            sha256, chunks = digests.joined(entry.size, found[entry.path])
            member = Member(path=entry.path, size=entry.size, sha256=sha256, chunks=chunks)
            written.append((entry._replace(crc32=checksums[entry.path]), member))
        return written

    def close(self) -> None:
        """Write no more."""
        self._jobs.stop()

    def _put(self, entry: layout.Entry, pieces: Pieces, start: int, end: int) -> tuple[str, int]:
        sha256, crc = hashlib.sha256(), 0
        for first in range(start, end, digests.CHUNK_SIZE):
            last = min(first + digests.CHUNK_SIZE, end)
            with self._sink.room(entry.data + first, last - first) as room:
                pieces.copy(first, last, room)
                sha256.update(room)
                crc = zlib.crc32(room, crc)
            self._progress.advance(last - first)
        return sha256.hexdigest(), crc


def _end(sink: Sink, entries: list[layout.Entry], encoded: bytes) -> None:
    start = entries[-1].end if entries else 0
    last = layout.Entry(layout.MANIFEST, start, len(encoded), zlib.crc32(encoded), aligned=False)
    directory = layout.directory([*entries, last])
    sink.end(start, layout.local_header(last) + encoded + directory)


def _readable(manifest: Manifest) -> bytes:
    """Encode a manifest that this release reads again: no size or depth that it refuses."""
    encoded = manifest.encode()
    try:
        Manifest.decode(encoded)
    except LimitExceeded as error:
        raise Unwritable(f"no reader would open this: {error}") from error
    return encoded


def _put(file: Any, data: bytes) -> None:
    # An unbuffered file may take a part only, and says how much.
    rest = memoryview(data)
    while rest:
        taken = file.write(rest)
        if taken is None and isinstance(file, io.RawIOBase):
            raise TargetUnusable("the file to write to takes nothing now; open it blocking")
        rest = rest[len(rest) if taken is None else taken :]
