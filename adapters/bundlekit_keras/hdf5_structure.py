"""The structure of an HDF5 file, without its arrays: the bytes that say what there is, and where.

Written as the HDF5 File Format Specification (version 3.0) says it, in its oldest and plainest
form, which every release of the library reads: a superblock of version 0, object headers of
version 1, groups whose links stand in their headers, arrays that are contiguous, and texts in
global heaps.
The library itself takes five times as long for it (see `docs/decisions.md`), and cannot leave
arrays out; it defines the types of values here, and tests let it read what is written.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CHILDREN = 60_000
"""Groups and arrays in one group; the number of a header's messages has 16 bits."""
MAX_NAME = 60_000
"""Bytes; a header's message has at most 65,535."""
_SUPERBLOCK = 96
_UNDEFINED = 0xFFFF_FFFF_FFFF_FFFF
_IN_A_HEAP = 30_000
"""Texts in one heap; their numbers have 16 bits."""

_SPACE, _LINK_INFO, _TYPE, _FILL, _LINK, _LAYOUT, _GROUP_INFO, _ATTRIBUTE = (
    0x01, 0x02, 0x03, 0x05, 0x06, 0x08, 0x0A, 0x0C,
)  # fmt: skip
_HEADER = struct.Struct("<BxHII4x")
_MESSAGE = struct.Struct("<HHB3x")
_HEAP = struct.Struct("<4sB3xQ")
_IN_HEAP = struct.Struct("<HH4xQ")
_CONTIGUOUS = struct.Struct("<BBQQ")
_PADDED_LAYOUT = 24
_ADDRESS_IN_LAYOUT = 2


@dataclass
class Array:
    """An array: its shape, the type of its values as the library encodes it, and its bytes."""

    shape: tuple[int, ...]
    type: bytes
    size: int
    text: str | None = None
    """Its attribute `dtype`, by which Keras marks bfloat16."""
    offset: int = 0
    """Where it will be; set by `structure`."""


@dataclass
class Group:
    """A group: what is in it by name, and its attribute `name`."""

    children: dict[str, Group | Array] = field(default_factory=dict)
    name: str | None = None

    def group(self, name: str) -> Group:
        """Give the group of a name, made where there is none.

        Raises:
            ValueError: it is an array.
        """
        found = self.children.setdefault(name, Group())
        if isinstance(found, Array):
            raise ValueError(f"{name!r} is an array and a group")
        return found

    def put(self, name: str, array: Array) -> None:
        """Put an array into it.

        Raises:
            ValueError: there is something of that name.
        """
        if name in self.children:
            raise ValueError(f"{name!r} is there twice")
        self.children[name] = array


def structure(root: Group, alignment: int) -> tuple[bytes, int]:
    """Write all of a file but its arrays, which follow one after the other.

    Args:
        root: what is in the file; the offsets of its arrays are set.
        alignment: bytes that arrays start at a multiple of.

    Returns:
        The structure, and the size of the file.

    Raises:
        ValueError: there is more in a group than it holds.
    """
    writer = _Writer()
    writer.texts(root)
    top = writer.group(root)
    end = len(writer.out)
    for at, array in writer.arrays:
        end += -end % alignment
        array.offset = end
        struct.pack_into("<Q", writer.out, at, end if array.size else _UNDEFINED)
        end += array.size
    writer.out[:_SUPERBLOCK] = (
        b"\x89HDF\r\n\x1a\n"
        + struct.pack("<8B2HI", 0, 0, 0, 0, 0, 8, 8, 0, 4, 16, 0)
        + struct.pack("<QQQQ", 0, _UNDEFINED, end, _UNDEFINED)
        + struct.pack("<QQII16x", 0, top, 0, 0)
    )
    return bytes(writer.out), end


class _Writer:
    """What is written so far, and where the addresses of arrays stand in it."""

    def __init__(self) -> None:
        self.out = bytearray(_SUPERBLOCK)
        self.arrays: list[tuple[int, Array]] = []
        self._texts: dict[str, tuple[int, int]] = {}

    def texts(self, root: Group) -> None:
        """Write the heaps with all texts."""
        found = list(dict.fromkeys(_texts(root)))
        for first in range(0, len(found), _IN_A_HEAP):
            address = len(self.out)
            self._texts |= {
                text: (address, number)
                for number, text in enumerate(found[first : first + _IN_A_HEAP], 1)
            }
            self.out += _heap(found[first : first + _IN_A_HEAP])

    def group(self, group: Group) -> int:
        """Write a group and all in it; give its address."""
        if len(group.children) > MAX_CHILDREN:
            raise ValueError(f"{len(group.children):,} objects in one group; {MAX_CHILDREN:,} fit")
        links = [
            _link(name, self.group(child) if isinstance(child, Group) else self.array(child))
            for name, child in group.children.items()
        ]
        named = [] if group.name is None else [self._attribute("name", group.name)]
        info = [
            _message(_LINK_INFO, struct.pack("<BBQQ", 0, 0, _UNDEFINED, _UNDEFINED)),
            _message(_GROUP_INFO, bytes(2)),
        ]
        return self._object([*info, *links, *named])

    def array(self, array: Array) -> int:
        """Write the header of an array; give its address."""
        sizes = struct.pack(f"<{len(array.shape)}Q", *array.shape)
        marked = [] if array.text is None else [self._attribute("dtype", array.text)]
        address = self._object(
            [
                _message(_SPACE, struct.pack("<BBB5x", 1, len(array.shape), 0) + sizes),
                _message(_TYPE, array.type, constant=True),
                _message(_FILL, bytes((2, 1, 1, 0))),  # allocated early, and never filled
                *marked,
                _message(_LAYOUT, _CONTIGUOUS.pack(3, 1, 0, array.size)),
            ]
        )
        self.arrays.append((len(self.out) - _PADDED_LAYOUT + _ADDRESS_IN_LAYOUT, array))
        return address

    def _object(self, messages: list[bytes]) -> int:
        address = len(self.out)
        body = b"".join(messages)
        self.out += _HEADER.pack(1, len(messages), 1, len(body)) + body
        return address

    def _attribute(self, name: str, text: str) -> bytes:
        address, number = self._texts[text]
        encoded = name.encode() + b"\0"
        scalar = struct.pack("<BBB5x", 1, 0, 0)
        value = struct.pack("<IQI", len(text.encode()), address, number)
        sizes = struct.pack("<BxHHH", 1, len(encoded), len(_TEXT), len(scalar))
        return _message(_ATTRIBUTE, sizes + _padded(encoded) + _padded(_TEXT) + scalar + value)


_TEXT = struct.pack("<BBBBI", 0x19, 1, 1, 0, 16) + struct.pack("<BBBBI2H", 0x10, 0, 0, 0, 1, 0, 8)
"""The type of texts of any length, in UTF-8: so many characters in a heap."""


def _texts(group: Group) -> Iterator[str]:
    if group.name is not None:
        yield group.name
    for child in group.children.values():
        if isinstance(child, Group):
            yield from _texts(child)
        elif child.text is not None:
            yield child.text


def _heap(texts: list[str]) -> bytes:
    encoded = [text.encode() for text in texts]
    body = b"".join(
        _IN_HEAP.pack(number, 1, len(text)) + _padded(text)
        for number, text in enumerate(encoded, 1)
    )
    size = max(4096, _HEAP.size + len(body) + _IN_HEAP.size)
    free = _IN_HEAP.pack(0, 0, size - _HEAP.size - len(body))
    return (
        _HEAP.pack(b"GCOL", 1, size)
        + body
        + free
        + bytes(size - _HEAP.size - len(body) - _IN_HEAP.size)
    )


def _link(name: str, address: int) -> bytes:
    encoded = name.encode()
    if len(encoded) > MAX_NAME:
        raise ValueError(f"a name of {len(encoded):,} bytes; {MAX_NAME:,} fit")
    width = 0 if len(encoded) < 1 << 8 else 1
    start = struct.pack("<BBB", 1, 0x10 | width, 1)  # its characters are told: UTF-8
    length = len(encoded).to_bytes(1 << width, "little")
    return _message(_LINK, start + length + encoded + struct.pack("<Q", address))


def _message(kind: int, data: bytes, *, constant: bool = False) -> bytes:
    padded = _padded(data)
    return _MESSAGE.pack(kind, len(padded), int(constant)) + padded


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def encoded_type(dtype: Any) -> bytes:
    """Give the type of an array's values, as the library writes it.

    Raises:
        TypeError: HDF5 has no such type.
    """
    from h5py import h5t

    kind = h5t.py_create(dtype, logical=True)
    if dtype.hasobject:
        raise TypeError(f"the dtype {dtype} holds objects of Python's")
    return bytes(kind.encode())[2:]  # after what it is, and the version of that
