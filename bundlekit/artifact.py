"""The artifact: bytes to and from a manifest and its members.

Reading goes in a fixed order, and each step uses only what the one before has checked: size
and layout of the archive, the manifest, and that both tell of the same members; then the
digest of every member, when its bytes are taken. Nothing here knows what a member means.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from bundlekit import layout
from bundlekit.errors import Damaged, LimitExceeded, NoSuchMember, TargetUnusable, Unwritable
from bundlekit.manifest import MAX_MANIFEST_SIZE, Manifest, Member
from bundlekit.member_names import check_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bundlekit.source import Buffer, Source

_CHUNK = 1 << 20


class Content(NamedTuple):
    """A member to be written."""

    data: Buffer
    tensors: bool = False
    """Whether it holds tensors in bulk: such members come first, aligned for mapping."""


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

    def read(self, path: str) -> memoryview:
        """Give a member's bytes, once they have the digest that the manifest says.

        Raises:
            NoSuchMember: the artifact has no such member.
            Damaged: they have another digest.
        """
        if path not in self._entries:
            raise NoSuchMember(
                f"{self.source.name} has no member {path!r}; it has {', '.join(self._entries)}",
                member=path,
            )
        entry = self._entries[path]
        data = self.source.read(entry.data, entry.size)
        found = hashlib.sha256(data).hexdigest()
        if found != self._members[path].sha256:
            raise Damaged(
                f"{self.source.name} is damaged: {path!r} has the sha256 {found}, and the "
                f"manifest says {self._members[path].sha256}; get it again from where it came from",
                source=self.source.name,
                member=path,
            )
        return data

    def ranges(self) -> Iterator[tuple[str, int, int]]:
        """Yield path, start and size of every member, in the order of the file."""
        for path, entry in self._entries.items():
            yield path, entry.data, entry.size

    def check_crc(self) -> None:
        """Check the zip's own checksums, which other tools go by and bundlekit does not.

        Raises:
            Damaged: naming the entry whose checksum is wrong.
        """
        for path, entry in self._all.items():
            found = zlib.crc32(self.source.read(entry.data, entry.size))
            if found != entry.crc32:
                raise Damaged(
                    f"{self.source.name} is damaged: {path!r} has the CRC-32 {found:08x}, and "
                    f"the archive says {entry.crc32:08x}; other tools will refuse the file",
                    source=self.source.name,
                    member=path,
                )


def write(
    file: IO[bytes],
    contents: Mapping[str, Content],
    describe: Callable[[tuple[Member, ...]], Manifest],
) -> Manifest:
    """Write an artifact from its members and from what describes them, front to back.

    Args:
        file: written from where it stands; it need not be seekable.
        contents: the members by path.
        describe: makes the manifest, once the members' digests are known.

    Raises:
        Unwritable: a member's name, or the number of members, is not one of the format.
    """
    check_paths([*contents, layout.MANIFEST])
    if len(contents) >= layout.MAX_ENTRIES:
        raise Unwritable(f"{len(contents):,} members; at most {layout.MAX_ENTRIES - 1:,} fit")
    entries: list[layout.Entry] = []
    members: list[Member] = []
    order = sorted(contents, key=lambda path: layout.file_order(path, contents[path].tensors))
    for path in order:
        data, tensors = contents[path]
        entries.append(_append(file, entries, path, data, aligned=tensors))
        digest = hashlib.sha256(data).hexdigest()
        members.append(Member(path=path, size=entries[-1].size, sha256=digest))
    manifest = describe(tuple(sorted(members, key=lambda member: member.path)))
    encoded = _readable(manifest)
    entries.append(_append(file, entries, layout.MANIFEST, encoded, aligned=False))
    _put(file, layout.directory(entries))
    return manifest


def _readable(manifest: Manifest) -> bytes:
    """Encode a manifest that this release reads again: no size or depth that it refuses."""
    encoded = manifest.encode()
    try:
        Manifest.decode(encoded)
    except LimitExceeded as error:
        raise Unwritable(f"no reader would open this: {error}") from error
    return encoded


def _append(
    file: IO[bytes], before: list[layout.Entry], path: str, data: Buffer, *, aligned: bool
) -> layout.Entry:
    start = before[-1].end if before else 0
    view = memoryview(data).cast("B")
    entry = layout.Entry(path, start, len(view), zlib.crc32(view), aligned)
    _put(file, layout.local_header(entry))
    for offset in range(0, len(view), _CHUNK):
        _put(file, view[offset : offset + _CHUNK])
    return entry


def _put(file: Any, data: bytes | memoryview) -> None:
    # An unbuffered file may take a part only, and says how much.
    rest = memoryview(data)
    while rest:
        taken = file.write(rest)
        if taken is None and isinstance(file, io.RawIOBase):
            raise TargetUnusable("the file to write to takes nothing now; open it blocking")
        rest = rest[len(rest) if taken is None else taken :]
