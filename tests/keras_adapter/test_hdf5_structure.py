"""The structure of HDF5 files, as the HDF5 library reads it."""

from __future__ import annotations

import io
from typing import Any

import h5py
import numpy as np
import pytest
from bundlekit_keras import buffers, hdf5, hdf5_file, hdf5_structure
from bundlekit_keras.addresses import stored_path
from bundlekit_keras.hdf5_file import Group, laid_out
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bundlekit.errors import Unwritable

DTYPES = ["float16", "float32", "float64", "int8", "int64", "uint8", "uint32", "bool", "complex64"]
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
STEPS = NAMES.filter(lambda name: name not in (".", "..", "vars") and len(name.encode()) < 400)
ARRAYS = arrays.arrays(
    st.sampled_from(DTYPES).map(np.dtype), arrays.array_shapes(min_dims=0, min_side=0, max_side=4)
)


def opened(groups: list[Group]) -> tuple[Any, hdf5_file.LaidOut, bytes]:
    file = laid_out(groups, "model.weights.h5")
    data = file.pieces.join()
    return h5py.File(io.BytesIO(data)), file, data


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.lists(STEPS, max_size=3).map("/".join),
        st.tuples(st.none() | st.text(max_size=30), st.dictionaries(STEPS, ARRAYS, max_size=4)),
        max_size=6,
    )
)
def test_the_library_finds_what_was_written(
    content: dict[str, tuple[str | None, dict[str, Any]]],
) -> None:
    groups = [Group(place, name, values) for place, (name, values) in content.items()]
    file, laid, data = opened(groups)
    found = {}

    def visit(path: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[path] = np.array(item)

    file.visititems(visit)
    expected = {
        stored_path(group.place, key): value
        for group in groups
        for key, value in group.values.items()
    }
    assert found.keys() == expected.keys()
    for path, value in expected.items():
        assert found[path].dtype == value.dtype
        np.testing.assert_array_equal(found[path], value)
    for group in groups:
        if group.name is not None and "\0" not in group.name:
            place = f"{group.place}/vars" if group.place else "vars"
            assert file[place].attrs["name"] == group.name
    for tensor in laid.tensors:
        assert tensor.offset % buffers.ALIGNMENT == 0 or not tensor.size
        assert data[tensor.offset : tensor.offset + tensor.size] == expected[tensor.path].tobytes()
    with hdf5.opened(data, "model.weights.h5"):
        pass  # plain, as what is adopted has to be


def test_there_is_room_for_many() -> None:
    values = {str(number): np.full(2, number) for number in range(3000)}
    groups = [Group(f"layers/dense_{i}", f"dense_{i}", {}) for i in range(3000)]
    file, laid, _ = opened([Group("wide", "wide", values), *groups])
    assert len(laid.tensors) == 3000
    assert file["wide/vars/2999"][1] == 2999
    assert file["layers/dense_2999/vars"].attrs["name"] == "dense_2999"


def test_texts_fill_several_heaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_structure, "_IN_A_HEAP", 7)
    file, *_ = opened([Group(f"layers/d{i}", f"dense {i}", {}) for i in range(20)])
    assert [file[f"layers/d{i}/vars"].attrs["name"] for i in range(20)] == [
        f"dense {i}" for i in range(20)
    ]


def test_bfloat16_is_marked_as_keras_marks_it() -> None:
    value = np.ones((2, 3), buffers.numpy_dtype("bfloat16"))
    file, laid, data = opened([Group("", None, {"0": value})])
    assert file["vars/0"].attrs["dtype"] == "bfloat16"
    assert laid.tensors[0].dtype == "bfloat16"
    with hdf5.opened(data, "x") as plain:
        np.testing.assert_array_equal(hdf5.array(plain["vars/0"], "x"), value)


def test_texts_are_stored_and_not_indexed() -> None:
    file, laid, _ = opened([Group("a", None, {"words": np.array([b"one", b"three"])})])
    assert laid.others == ("a/vars/words",)
    assert list(file["a/vars/words"]) == [b"one", b"three"]


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        ([Group("a", None, {"0": np.array(["text"])})], "No conversion path"),
        ([Group("a", None, {"0": np.array([object()])})], "dtype"),
        ([Group("a", None, {"k" * 70_000: np.ones(1)})], "a name of 70,000 bytes; 60,000 fit"),
        ([Group("a", None, {"0": np.ones(1), "0/1": np.ones(1)})], "is an array and a group"),
    ],
)
def test_what_cannot_be_stored_is_said(groups: list[Group], found: str) -> None:
    with pytest.raises(Unwritable, match=found):
        laid_out(groups, "model.weights.h5")


def test_more_than_a_group_holds_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_structure, "MAX_CHILDREN", 3)
    with pytest.raises(Unwritable, match="4 objects in one group; 3 fit"):
        laid_out([Group("a", None, {str(i): np.ones(1) for i in range(4)})], "model.weights.h5")
