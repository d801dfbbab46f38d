"""HDF5 that leads elsewhere, declares more than it holds, or is not sound, is refused."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bundlekit_keras import hdf5

import bundlekit
from bundlekit import Damaged, LimitExceeded, Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def made(build: Callable[[Any], None]) -> bytes:
    import h5py

    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        build(file)
    return target.getvalue()


def opened(data: bytes) -> list[str]:
    with hdf5.opened(data, "model.h5") as file:
        return list(file)


def plain(file: Any) -> None:
    file["layers/dense/vars/0"] = np.arange(6, dtype="float32")


def soft(file: Any) -> None:
    import h5py

    plain(file)
    file["layers/other"] = h5py.SoftLink("/layers/dense")


def external(file: Any) -> None:
    import h5py

    file["layers"] = h5py.ExternalLink("secret.h5", "/")


def external_deep(file: Any) -> None:
    import h5py

    file["layers/dense/vars/0"] = h5py.ExternalLink("secret.h5", "/0")


def stored_outside(file: Any) -> None:
    file.create_dataset("0", (4,), "float32", external=[("secret.bin", 0, 16)])


def virtual(file: Any) -> None:
    import h5py

    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("secret.h5", "0", (4,))
    file.create_virtual_dataset("0", layout)


def cycle(file: Any) -> None:
    file.create_group("layers/dense")
    file["layers/dense/again"] = file["layers"]


def pickled(file: Any) -> None:
    import h5py

    file.create_dataset("0", data=[b"\x80\x04N."], dtype=h5py.special_dtype(vlen=bytes))


def named_type(file: Any) -> None:
    file["type"] = np.dtype("float32")


def huge(file: Any) -> None:
    file.create_dataset("0", (10**12,), "float32")


def huge_chunked(file: Any) -> None:
    file.create_dataset("0", (10**12,), "float32", chunks=(1000,), compression="gzip")


def deep(file: Any) -> None:
    file.create_group("/".join("g" * 300))


@pytest.mark.parametrize(
    ("build", "kind", "match"),
    [
        (soft, Refused, "has a link at '/layers/other'"),
        (external, Refused, "has a link at '/layers'"),
        (external_deep, Refused, "has a link at '/layers/dense/vars/0'"),
        (stored_outside, Refused, "stored in other files"),
        (virtual, Refused, "stored in other files"),
        (cycle, Refused, "one object at two places"),
        (pickled, Refused, "expected numbers"),
        (named_type, Refused, "has Datatype at '/type'"),
        (huge, LimitExceeded, "declares 4,000,000,000,000 bytes, and 0 are stored"),
        (huge_chunked, LimitExceeded, "declares 4,000,000,000,000 bytes, and 0 are stored"),
        (deep, LimitExceeded, "nests groups deeper than 200"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_it_is_refused(
    build: Any, kind: Any, match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.h5").write_bytes(made(plain))
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    monkeypatch.chdir(tmp_path)
    data = made(build)
    with pytest.raises(kind, match=match):
        opened(data)
    path = tmp_path / "model.weights.h5"
    path.write_bytes(data)
    with pytest.raises(kind, match=match):
        bundlekit.adopt(path)


def test_what_keras_writes_is_plain() -> None:
    assert opened(made(plain)) == ["layers"]


def test_compressed_arrays_are_read() -> None:
    def build(file: Any) -> None:
        zeros = np.zeros(100_000, "float32")
        file.create_dataset("layers/dense/vars/0", data=zeros, compression="gzip")

    assert opened(made(build)) == ["layers"]


@pytest.mark.parametrize("end", [7, 8, 100, 400, 1000])
def test_a_file_that_is_cut_off(end: int) -> None:
    with pytest.raises(Damaged, match="HDF5"):
        opened(made(plain)[:end])


def test_every_flipped_byte_is_a_typed_error_or_the_same(tmp_path: Path) -> None:
    data = made(plain)
    path = tmp_path / "model.weights.h5"
    for offset in range(0, len(data), 29):
        flipped = bytearray(data)
        flipped[offset] ^= 0x41
        path.write_bytes(flipped)
        try:
            bundlekit.unbundle(bundlekit.adopt(path))
        except bundlekit.BundleError:
            continue


def test_long_lists_of_names_are_read_from_their_parts() -> None:
    def build(file: Any) -> None:
        file.attrs["layer_names0"] = [b"a", b"b"]
        file.attrs["layer_names1"] = [b"c"]

    with hdf5.opened(made(build), "model.h5") as file:
        assert hdf5.names(file, "layer_names", "model.h5") == ["a", "b", "c"]


def test_names_that_are_numbers_are_refused() -> None:
    def build(file: Any) -> None:
        file.attrs["layer_names"] = [1, 2]

    with (
        hdf5.opened(made(build), "model.h5") as file,
        pytest.raises(Damaged, match="layer_names that are no names"),
    ):
        hdf5.names(file, "layer_names", "model.h5")


def test_a_heap_that_does_not_end() -> None:
    data = bytearray(made(lambda file: file.attrs.update(model_config="{}")))
    start = data.find(b"GCOL")
    assert start > 0
    place, end = start + 16, start + int.from_bytes(data[start + 8 : start + 16], "little")
    while place < end and int.from_bytes(data[place : place + 2], "little"):
        size = int.from_bytes(data[place + 8 : place + 16], "little")
        place += 16 + (size + 7) // 8 * 8
    data[place + 8 : place + 16] = bytes(8)  # the rest of the heap says that it has no size
    with pytest.raises(Damaged, match="has an object that leads out of it"):
        opened(bytes(data))


def test_an_attribute_of_another_kind() -> None:
    import h5py

    def build(file: Any) -> None:
        several = np.empty(1, dtype=object)
        several[0] = np.array([1, 2], dtype="int32")
        kind = h5py.special_dtype(vlen=np.dtype("int32"))
        file.attrs.create("model_config", several, dtype=kind)

    with (
        hdf5.opened(made(build), "model.h5") as file,
        pytest.raises(Damaged, match="holds neither texts nor numbers"),
    ):
        hdf5.text(file, "model_config", "model.h5")
