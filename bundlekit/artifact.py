"""An artifact that is read: its manifest, and the bytes of any member.

Reading goes in a fixed order, and each step uses only what the one before has checked: size
and layout of the archive, the manifest, and that both tell of the same members; then the
digest of every member, when its bytes are taken. Nothing here knows what a member means.
"""

from __future__ import annotations

import hashlib
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bundlekit import digests, layout
from bundlekit.crc import combined
from bundlekit.errors import Damaged, LimitExceeded, NoSuchMember
from bundlekit.jobs import Jobs
from bundlekit.manifest import MAX_MANIFEST_SIZE, Manifest
from bundlekit.memory import allocate
from bundlekit.progress import Progress
from bundlekit.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bundlekit.source import Source


class Artifact:
    """An opened artifact: its manifest, and any member's bytes on request.

    Args:
        source: where the bytes are; it must stay open while members are read.

    Raises:
        NotABundle, Damaged, LimitExceeded, TooNew: as the layout and the manifest find.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._all = {entry.path: entry for entry in layout.read(source)}
        written = self._all[layout.MANIFEST]
        if written.size > MAX_MANIFEST_SIZE:
            raise LimitExceeded(
                f"{source.name} has a manifest of {written.size:,} bytes; at most "
                f"{MAX_MANIFEST_SIZE:,} are read",
                source=source.name,
            )
        self.encoded = source.read(written.data, written.size)
        self.manifest = Manifest.decode(self.encoded)
        self.digest = hashlib.sha256(self.encoded).hexdigest()
        self._entries = {path: e for path, e in self._all.items() if path != layout.MANIFEST}
        self._members = {member.path: member for member in self.manifest.members}
        self._check_members()
        self.size = sum(member.size for member in self.manifest.members)
        """Bytes of all members."""
        self.advance: Callable[[int], None] = Progress().advance
        """Called with the number of bytes of members that were read and checked."""

    def _check_members(self) -> None:
        listed = {member.path: member.size for member in self.manifest.members}
        stored = {path: entry.size for path, entry in self._entries.items()}
        if listed == stored:
            return
        path = min(set(listed.items()) ^ set(stored.items()))[0]
        raise Damaged(
            f"{self.source.name} is no sound bundle: for {path!r} the manifest says "
            f"{listed.get(path, 'no such member')}, the archive "
            f"{stored.get(path, 'no such member')}; get it again from where it came from",
            source=self.source.name,
            member=path,
        )

    def entry(self, path: str) -> layout.Entry:
        """Find a member in the archive.

        Raises:
            NoSuchMember: the artifact has no such member.
        """
        if path not in self._entries:
            raise NoSuchMember(
                f"{self.source.name} has no member {path!r}; it has {', '.join(self._entries)}",
                member=path,
            )
        return self._entries[path]

    def read(self, path: str) -> memoryview:
        """Give a member's bytes, once they have the digest that the manifest says.

        Raises:
            NoSuchMember: the artifact has no such member.
            Damaged: they have another digest.
            LimitExceeded: there is not enough memory for it.
        """
        entry = self.entry(path)
        held = self.source.held(entry.data, entry.size)
        data = self._room(path, entry.size) if held is None else held

        def check(index: int, start: int, end: int) -> None:
            with data[start:end] as view:
                if held is None:
                    self.source.read_into(entry.data + start, view)
                self.require_digest(path, index, hashlib.sha256(view).hexdigest())
            self.advance(end - start)

        jobs = [(index, *part) for index, part in enumerate(digests.ranges(entry.size))]
        with Jobs(lambda job: check(*job), jobs) as work:
            work.start(entry.size)
            work.results()
        return data.toreadonly()

    def require_digest(self, path: str, index: int, found: str) -> None:
        """Compare the digest of one of the `digests.ranges` of a member with the manifest's.

        Raises:
            Damaged: it is another one.
        """
        member = self._members[path]
        expected = member.chunks[index] if member.chunks else member.sha256
        if found == expected:
            return
        start, end = digests.ranges(member.size)[index]
        where = f" in its bytes {start} to {end}" if member.chunks else ""
        raise Damaged(
            f"{self.source.name} is damaged: {path!r} has{where} the sha256 {found}, and the "
            f"manifest says {expected}; get it again from where it came from",
            source=self.source.name,
            member=path,
        )

    def ranges(self) -> Iterator[tuple[str, int, int]]:
        """Yield path, start and size of every member, in the order of the file."""
        for path, entry in self._entries.items():
            yield path, entry.data, entry.size

    def check(self) -> None:
        """Check the digest of every member and the zip's own checksums, in one pass.

        bundlekit does not go by these checksums, other tools do.

        Raises:
            Damaged: naming the first member whose digest is wrong, or if there is none the first
                entry whose checksum is.
        """
        scratch = Scratch()

        def check(entry: layout.Entry, index: int, start: int, end: int) -> int:
            crc, sha256 = 0, hashlib.sha256()
            for first in range(start, end, digests.CHUNK_SIZE):
                size = min(digests.CHUNK_SIZE, end - first)
                with self._lent(entry.data + first, size, scratch) as view:
                    sha256.update(view)
                    crc = zlib.crc32(view, crc)
            if entry.path != layout.MANIFEST:
                self.require_digest(entry.path, index, sha256.hexdigest())
                self.advance(end - start)
            return crc

        jobs = [
            (entry, index, *part)
            for entry in self._all.values()
            for index, part in enumerate(digests.ranges(entry.size))
        ]
        with Jobs(lambda job: check(*job), jobs) as work:
            work.start(self.source.size)
            found = dict.fromkeys(self._all, 0)
            for (entry, _, start, end), crc in zip(jobs, work.results(), strict=True):
                found[entry.path] = combined(found[entry.path], crc, end - start)
        for path, entry in self._all.items():
            if found[path] != entry.crc32:
                raise Damaged(
                    f"{self.source.name} is damaged: {path!r} has the CRC-32 {found[path]:08x}, "
                    f"and the archive says {entry.crc32:08x}; other tools will refuse the file",
                    source=self.source.name,
                    member=path,
                )

    @contextmanager
    def _lent(self, offset: int, size: int, scratch: Scratch) -> Iterator[memoryview]:
        held = self.source.held(offset, size)
        if held is not None:
            yield held
            return
        with scratch.take(size) as view:
            self.source.read_into(offset, view)
            yield view

    def _room(self, path: str, size: int) -> memoryview:
        try:
            return allocate(size)
        except MemoryError as error:
            raise LimitExceeded(
                f"{path!r} of {self.source.name} has {size:,} bytes, more memory than there is",
                source=self.source.name,
                member=path,
            ) from error
