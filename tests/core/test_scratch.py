"""Buffers that are taken in turn: never by two at once, and a few of them again later."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from bundlekit import scratch
from bundlekit.scratch import KEPT, KEPT_SIZE, Scratch


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> list[memoryview]:
    buffers: list[memoryview] = []
    monkeypatch.setattr(scratch, "_kept", buffers)
    return buffers


def test_each_has_its_own() -> None:
    one, other = Scratch(), Scratch()
    with ExitStack() as stack:
        taken = [stack.enter_context(of.take(5)) for of in (one, one, other, other)]
        for number, view in enumerate(taken):
            view[:] = bytes([number] * 5)
        assert [bytes(view) for view in taken] == [bytes([n] * 5) for n in range(4)]


def test_what_was_used_is_used_again(kept: list[memoryview]) -> None:
    with Scratch().take(1000) as view:
        view[:] = b"x" * 1000
    assert [len(buffer) for buffer in kept] == [1000]
    with Scratch().take(10, skew=3) as view:
        assert (bytes(view), kept) == (b"x" * 10, [])
    with Scratch().take(2000) as view:  # too little
        assert len(view) == 2000
    assert [len(buffer) for buffer in kept] == [2000]


def test_no_more_than_a_few_stay(kept: list[memoryview]) -> None:
    many = Scratch()
    with ExitStack() as stack:
        for _ in range(KEPT + 3):
            stack.enter_context(many.take(8))
    assert len(kept) == KEPT


def test_a_large_one_stays_with_who_took_it(kept: list[memoryview]) -> None:
    own = Scratch()
    with own.take(KEPT_SIZE + 1) as view:
        view[-1:] = b"!"
    assert kept == []
    with own.take(KEPT_SIZE + 1) as view:
        assert bytes(view[-1:]) == b"!"
