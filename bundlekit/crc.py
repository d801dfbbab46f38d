"""The CRC-32 of two byte strings, one after the other, from that of each.

A CRC-32 is the remainder of the bytes, as a polynomial over GF(2), by a fixed polynomial. Bytes
that follow multiply what came before by a power of x, and so it is enough to know how many.
zlib has this as `crc32_combine`, Python's module of it does not.
"""

from __future__ import annotations

from functools import lru_cache

_POLYNOMIAL = 0xEDB88320  # as everywhere here, the bit of x**0 is the highest
_ONE = 1 << 31


def combined(first: int, second: int, size: int) -> int:
    """Give the CRC-32 of A + B from those of A and of B, which has `size` bytes.

    Example:
        >>> import zlib
        >>> combined(zlib.crc32(b"bundle"), zlib.crc32(b"kit"), 3) == zlib.crc32(b"bundlekit")
        True
    """
    return _product(_shift(size), first) ^ second


@lru_cache(maxsize=64)
def _shift(size: int) -> int:
    """Give x to the power of the bits of `size` bytes."""
    result, factor = _ONE, _ONE >> 8
    while size:
        if size & 1:
            result = _product(result, factor)
        factor = _product(factor, factor)
        size >>= 1
    return result


def _product(first: int, second: int) -> int:
    result, bit = 0, _ONE
    while bit:
        if first & bit:
            result ^= second
        second = second >> 1 ^ (_POLYNOMIAL if second & 1 else 0)
        bit >>= 1
    return result
