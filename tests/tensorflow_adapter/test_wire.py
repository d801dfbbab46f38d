"""The wire reader: what it reads is what protobuf reads, and it reads nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from bundlekit_tensorflow import parsing, wire
from bundlekit_tensorflow.wire import Budget, Message
from hypothesis import given, settings
from hypothesis import strategies as st

from bundlekit import Damaged, LimitExceeded


def message(data: bytes) -> Message:
    return Message(data, Budget("the file"))


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**20))
def test_numbers_are_those_of_protobuf(value: int, number: int) -> None:
    def varint(one: int) -> bytes:
        out = bytearray()
        while True:
            out.append(one & 0x7F | (0x80 if one > 0x7F else 0))
            one >>= 7
            if not one:
                return bytes(out)

    signed = value - 2**64 if value >= 2**63 else value
    assert message(varint(number << 3) + varint(value)).number(number) == signed


def test_a_packed_list_and_a_plain_one_are_the_same() -> None:
    assert message(b"\x10\x01\x10\x02").numbers(2) == [1, 2]
    assert message(b"\x12\x02\x01\x02").numbers(2) == [1, 2]
    assert message(b"").numbers(2) == []


def test_what_is_not_there_is_empty() -> None:
    nothing = message(b"")
    assert (nothing.number(1), nothing.text(1), bytes(nothing.blob(1))) == (0, "", b"")
    assert (nothing.texts(1), nothing.map(1), nothing.has(1)) == ((), {}, False)
    assert not nothing.message(1).has(1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x80", "no number of 64 bits begins at byte 0"),
        (b"\x08", "no number of 64 bits begins at byte 1"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "no number of 64 bits"),
        (b"\x08" + b"\xff" * 9 + b"\x02", "no number of 64 bits"),
        (b"\x0a\x05ab", "would end at byte 7 of a message of 4 bytes"),
        (b"\x0d\x00", "would end at byte 5"),
        (b"\x09\x00", "would end at byte 9"),
        (b"\x0b", "a field of the kind 3; expected 0, 1, 2 or 5"),
        (b"\x0c", "a field of the kind 4"),
        (b"\x0f", "a field of the kind 7"),
        (b"\x00\x00", "the field 0"),
    ],
)
def test_what_is_no_message_is_damage(data: bytes, said: str) -> None:
    with pytest.raises(Damaged, match=said):
        message(data)


def test_what_stands_twice_where_once_is_meant_is_damage() -> None:
    twice = message(b"\x0a\x01a\x0a\x01b")
    assert twice.texts(1) == ("a", "b")
    with pytest.raises(Damaged, match="the field 1 stands more than once"):
        twice.text(1)
    with pytest.raises(Damaged, match="the field 1 stands more than once"):
        message(b"\x08\x01\x08\x02").number(1)
    with pytest.raises(Damaged, match="the key 'a' stands twice"):
        message(b"\x0a\x03\x0a\x01a" * 2).map(1)


def test_a_field_of_another_kind_is_damage() -> None:
    with pytest.raises(Damaged, match="holds a number; expected bytes"):
        message(b"\x08\x01").text(1)
    with pytest.raises(Damaged, match="holds bytes; expected a number"):
        message(b"\x0a\x01a").number(1)
    with pytest.raises(Damaged, match="holds four bytes; expected a number"):
        message(b"\x0d\x00\x00\x00\x00").numbers(1)


def test_a_text_that_is_no_utf_8_is_damage() -> None:
    with pytest.raises(Damaged, match="no UTF-8"):
        message(b"\x0a\x01\xff").text(1)


def test_fields_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_FIELDS", 10)
    with pytest.raises(LimitExceeded, match="more than 10 fields"):
        Message(b"\x08\x01" * 11, Budget("the file", 10))


def test_a_file_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from bundlekit_tensorflow import keras_metadata

    for module in (parsing, keras_metadata):
        monkeypatch.setattr(module, "MAX_SIZE", 3)
        with pytest.raises(LimitExceeded, match="at most 3 are read"):
            module.parse(b"\x12\x02ab")
    monkeypatch.setattr(keras_metadata, "MAX_SIZE", 100)
    monkeypatch.setattr(keras_metadata, "MAX_OBJECTS", 1)
    with pytest.raises(LimitExceeded, match="more than 1 objects"):
        keras_metadata.parse(b"\x0a\x04\x2a\x02{}" * 2)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_typed_error(data: bytes) -> None:
    with pytest.raises(Damaged, match=r"saved_model\.pb"):
        parsing.parse(data)


def test_every_changed_byte_of_a_program_is_read_or_a_typed_error(
    exported: tuple[Any, Any, bytes],
) -> None:
    from bundlekit_tensorflow import audit

    from bundlekit import BundleError
    from tests.tensorflow_adapter.repacked import PROGRAM, members

    files = members(exported[2])
    whole = bytearray(files[PROGRAM])
    seen = set()
    for place in range(0, len(whole), max(1, len(whole) // 400)):
        whole[place] ^= 0x15
        try:
            audit.needs(parsing.parse(bytes(whole)), files)
            seen.add("read")
        except BundleError as error:
            seen.add(type(error).__name__)
        whole[place] ^= 0x15
    assert {"Damaged", "Refused", "read"} & seen
