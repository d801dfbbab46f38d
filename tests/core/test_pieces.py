from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundlekit.adapter import Pieces


@given(st.lists(st.binary(max_size=9)), st.data())
def test_any_range_is_that_of_the_joined_bytes(buffers: list[bytes], data: st.DataObject) -> None:
    pieces, whole = Pieces(buffers), b"".join(buffers)
    assert (pieces.size, len(pieces)) == (len(whole), len(whole))
    assert pieces.join() == bytes(pieces) == whole
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    found = bytearray(end - start)
    pieces.copy(start, end, memoryview(found))
    assert found == whole[start:end]


@pytest.mark.parametrize(("start", "end", "room"), [(0, 4, 4), (-1, 2, 3), (2, 1, 0), (0, 2, 3)])
def test_a_range_that_does_not_fit_is_an_error(start: int, end: int, room: int) -> None:
    with pytest.raises(ValueError, match=f"bytes {start} to {end} of 3 do not go into {room}"):
        Pieces([b"ab", b"c"]).copy(start, end, memoryview(bytearray(room)))


def test_it_holds_views_and_not_copies() -> None:
    import numpy as np

    array = np.zeros((2, 3), "float32")
    pieces = Pieces([b"", array.data, np.zeros((0, 3)).data])
    array[0, 0] = 1
    assert bytes(pieces) == array.tobytes()
