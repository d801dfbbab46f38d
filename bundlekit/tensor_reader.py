"""Tensors by the index: each in memory of its own, which has the digest of the manifest.

A range that has a digest (see `digests.ranges`) is read once, straight to where the tensors in it
are to be, and hashed there. So what was hashed is what is handed out, and no member is ever in
memory as a whole. With `fetch` the cores do that in the background, while a model is built.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bundlekit import digests
from bundlekit.jobs import Jobs
from bundlekit.range_reader import Range, RangeReader, Stored

if TYPE_CHECKING:
    from bundlekit.artifact import Artifact
    from bundlekit.source import Buffer, FileSource
    from bundlekit.tensor_index import Tensor


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
        self._stored: dict[str, dict[str, Stored]] = {}
        for prefix, part in artifact.manifest.walk():
            for tensor in part.tensors:
                stored = Stored(tensor.offset, tensor.offset + tensor.size)
                self._stored.setdefault(prefix + tensor.member, {})[tensor.path] = stored
        self._sizes = {path: size for path, _, size in artifact.ranges() if path in self._stored}
        self._first: dict[str, int] = {}
        ranges: list[Range] = []
        for member, size in self._sizes.items():
            self._first[member] = len(ranges)
            parts = enumerate(digests.ranges(size))
            ranges += [Range(member, number, *part) for number, part in parts]
        listed = {member: list(found.values()) for member, found in self._stored.items()}
        self._reader = RangeReader(artifact, listed, checked=checked, aliased=aliased)
        self._jobs = Jobs(self._reader.read, ranges)
        self._lock = threading.Lock()

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
        indices = digests.covering(self._sizes[member], stored.start, stored.end)
        read = [self._jobs.result(self._first[member] + index) for index in indices]
        return self._reader.take(member, stored, read=all(read) and not again)

    def fetch(self) -> None:
        """Begin to read all of it in the background, if that is worth it."""
        self._jobs.start(sum(self._sizes.values()))

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
        self._reader.leave_out(member, data)
