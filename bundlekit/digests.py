"""How a member's digest is made, so that its parts can be hashed on many cores and read alone.

* A member of at most `PLAIN_SIZE` bytes has the sha256 of its bytes, and no chunks.
* A larger one is cut into chunks of `CHUNK_SIZE` bytes, the last of which may be shorter. Its
  `chunks` are the sha256 of each, in order, and its `sha256` is that of these digests, as 32 raw
  bytes each, one after the other.

So a member has one digest, whoever computes it, and its size says which of the two it is.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN_SIZE = 16 * 1024 * 1024
"""Bytes. What one core hashes in some 10 ms; most configs, and small models, have a digest that
any tool computes."""

CHUNK_SIZE = 4 * 1024 * 1024
"""Bytes. It fits into the cache of a core, and a digest for each takes 17 bytes of manifest per
MiB: the limit of the manifest is reached at 1.9 TiB."""


def ranges(size: int) -> list[tuple[int, int]]:
    """Give start and end of each range of a member that has a digest of its own, in order.

    Example:
        >>> ranges(7)
        [(0, 7)]
        >>> len(ranges(PLAIN_SIZE + 1))
        5
    """
    if size <= PLAIN_SIZE:
        return [(0, size)]
    return [(start, min(start + CHUNK_SIZE, size)) for start in range(0, size, CHUNK_SIZE)]


def covering(size: int, start: int, end: int) -> range:
    """Give the indices of the `ranges` of a member of `size` bytes that hold any of these bytes."""
    if start == end:
        return range(0)
    if size <= PLAIN_SIZE:
        return range(1)
    return range(start // CHUNK_SIZE, (end - 1) // CHUNK_SIZE + 1)


def joined(size: int, digests: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Make `sha256` and `chunks` of a member from the digests of its `ranges`."""
    return (digests[0], ()) if size <= PLAIN_SIZE else (_tree(digests), tuple(digests))


def require_sound(path: str, size: int, sha256: str, chunks: Sequence[str]) -> None:
    """Refuse a member whose chunks are not those of its size and its digest.

    Raises:
        ValueError: naming the member.
    """
    expected = 0 if size <= PLAIN_SIZE else len(ranges(size))
    if len(chunks) != expected:
        raise ValueError(
            f"the member {path!r} of {size} bytes has {len(chunks)} chunks; expected {expected}"
        )
    if chunks and _tree(chunks) != sha256:
        raise ValueError(f"the sha256 of the member {path!r} is not that of its chunks")


def _tree(chunks: Sequence[str]) -> str:
    return hashlib.sha256(bytes.fromhex("".join(chunks))).hexdigest()
