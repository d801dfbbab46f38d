"""A strict reader of the protobuf wire format: fields in, nothing interpreted.

SavedModels are audited where neither TensorFlow nor protobuf need be installed. Protobuf's own
readers are lenient (they merge what stands twice, and take the last of several values), so a
lenient audit and a lenient loader could see two different programs. Here a field that may stand
once and stands twice is damage, as are groups, overlong numbers and lengths beyond the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bundlekit.errors import Damaged, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit.source import Buffer

MAX_FIELDS = 20_000_000
"""Fields of one file. Threat: a file of two-byte fields that takes minutes and gigabytes to walk.
A node takes about forty; the largest published graphs have 200,000 nodes."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_KINDS = {_VARINT: "a number", _FIXED64: "eight bytes", _BYTES: "bytes", _FIXED32: "four bytes"}
_LONGEST = 10
"""Bytes of a number of 64 bits, seven in each."""


@dataclass(slots=True)
class Budget:
    """How many fields may still be read of a file."""

    what: str
    """The file, for messages."""
    left: int = MAX_FIELDS


class Message:
    """One message: its fields by number, in the order of the file.

    Args:
        data: the bytes of the message.
        budget: shared by all messages of a file.

    Raises:
        Damaged: it is not a sequence of fields.
        LimitExceeded: the file has too many.
    """

    __slots__ = ("_budget", "_fields")

    def __init__(self, data: Buffer, budget: Budget) -> None:
        self._budget = budget
        self._fields: dict[int, list[tuple[int, int | memoryview]]] = {}
        found = self._fields
        for number, kind, value in _fields(memoryview(data).cast("B"), budget.what):
            if number in found:
                found[number].append((kind, value))
            else:
                found[number] = [(kind, value)]
            budget.left -= 1
            if budget.left < 0:
                raise LimitExceeded(f"{budget.what} has more than {MAX_FIELDS:,} fields")

    def has(self, number: int) -> bool:
        """Tell whether a field is there."""
        return number in self._fields

    def messages(self, number: int) -> Iterator[Message]:
        """Yield the messages of a repeated field."""
        for value in self.blobs(number):
            yield Message(value, self._budget)

    def message(self, number: int) -> Message:
        """Give the message of a field that may stand once; an empty one where it does not."""
        return Message(self.blob(number), self._budget)

    def map(self, number: int) -> dict[str, memoryview]:
        """Give a map from text to messages, as their bytes.

        Raises:
            Damaged: a key stands twice.
        """
        found: dict[str, memoryview] = {}
        for entry in self.messages(number):
            key = entry.text(1)
            if key in found:
                raise self._damaged(f"the key {key!r} stands twice in one map")
            found[key] = entry.blob(2)
        return found

    def texts(self, number: int) -> tuple[str, ...]:
        """Give the texts of a repeated field."""
        return tuple(self._text(value) for value in self.blobs(number))

    def text(self, number: int) -> str:
        """Give the text of a field that may stand once; empty where it does not."""
        return self._text(self.blob(number))

    def blobs(self, number: int) -> Iterator[memoryview]:
        """Yield the bytes of a repeated field."""
        for kind, value in self._fields.get(number, ()):
            if kind != _BYTES or isinstance(value, int):
                raise self._mistyped(number, kind, _BYTES)
            yield value

    def blob(self, number: int) -> memoryview:
        """Give the bytes of a field that may stand once; none where it does not."""
        found = list(self.blobs(number))
        self._once(number)
        return found[0] if found else memoryview(b"")

    def number(self, number: int) -> int:
        """Give the number of a field that may stand once, as 64 bits with a sign."""
        self._once(number)
        found = self._fields.get(number)
        if not found:
            return 0
        kind, value = found[0]
        if kind != _VARINT or not isinstance(value, int):
            raise self._mistyped(number, kind, _VARINT)
        return _signed(value)

    def numbers(self, number: int) -> list[int]:
        """Give the numbers of a repeated field, packed or not."""
        found: list[int] = []
        for kind, value in self._fields.get(number, ()):
            if kind == _VARINT and isinstance(value, int):
                found.append(_signed(value))
            elif kind == _BYTES and not isinstance(value, int):
                at = 0
                while at < len(value):
                    one, at = _varint(value, at, self._budget.what)
                    found.append(_signed(one))
                    self._budget.left -= 1
            else:
                raise self._mistyped(number, kind, _VARINT)
        return found

    def stored(self, numbers: tuple[int, ...]) -> int:
        """Give a bound on the values that fields hold: each takes a byte or more, or a field."""
        found = (value for number in numbers for _, value in self._fields.get(number, ()))
        return sum(1 if isinstance(value, int) else max(len(value), 1) for value in found)

    def _once(self, number: int) -> None:
        if len(self._fields.get(number, ())) > 1:
            raise self._damaged(f"the field {number} stands more than once")

    def _text(self, value: memoryview) -> str:
        try:
            return bytes(value).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._damaged("it holds a text that is no UTF-8") from error

    def _mistyped(self, number: int, kind: int, expected: int) -> Damaged:
        return self._damaged(
            f"the field {number} holds {_KINDS[kind]}; expected {_KINDS[expected]}"
        )

    def _damaged(self, why: str) -> Damaged:
        return Damaged(f"{self._budget.what} is damaged: {why}", member=self._budget.what)


def _fields(data: memoryview, what: str) -> Iterator[tuple[int, int, int | memoryview]]:
    at, end = 0, len(data)
    while at < end:
        key = data[at]
        if key < 0x80:  # most numbers are of one byte
            at += 1
        else:
            key, at = _varint(data, at, what)
        number, kind = key >> 3, key & 7
        value: int | memoryview
        if kind == _BYTES:
            if at < end and data[at] < 0x80:
                size, at = data[at], at + 1
            else:
                size, at = _varint(data, at, what)
            value, at = data[at : at + size], at + size
        elif kind == _VARINT:
            value, at = _varint(data, at, what)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
            value, at = data[at : at + size], at + size
        else:
            raise Damaged(
                f"{what} is damaged: byte {at} begins a field of the kind {kind}; expected 0, 1, "
                f"2 or 5",
                member=what,
            )
        if not number or at > end:
            raise Damaged(
                f"{what} is damaged: the field {number} would end at byte {at} of a message of "
                f"{end} bytes",
                member=what,
            )
        yield number, kind, value


def _varint(data: memoryview, at: int, what: str) -> tuple[int, int]:
    value = 0
    for index in range(_LONGEST):
        if at + index >= len(data):
            break
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            if value >> 64:
                break
            return value, at + index + 1
    raise Damaged(
        f"{what} is damaged: no number of 64 bits begins at byte {at} of a message of "
        f"{len(data)} bytes",
        member=what,
    )


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
