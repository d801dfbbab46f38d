"""What is read of a bundle, and whose memory a restored model lives in."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import pytest
from bundlekit_keras import hdf5
from bundlekit_keras.internals import walking

import bundlekit
from bundlekit.errors import Damaged, UnknownOption

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MIB = 1 << 20


class Counted(io.BytesIO):
    """A file that can be sought, such as one in a store far away, and counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.taken = 0

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        self.taken += count
        return count

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


@pytest.fixture(scope="module")
def large(framework: None) -> Any:
    """A model of 36 MiB, most of it in one layer."""
    import keras

    layers = [keras.layers.Dense(3000, name="wide"), keras.layers.Dense(40), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((3000,)), *layers])


@pytest.fixture(scope="module")
def data(large: Any) -> bytes:
    return bundlekit.dumps(large)


def same(found: Mapping[str, Any], model: Any, layer: int) -> bool:
    import numpy as np

    expected = [np.array(weight) for weight in model.layers[layer].weights]
    return all(map(np.array_equal, found.values(), expected))


class TestWhatIsRead:
    def test_one_layer_is_not_all(self, data: bytes, large: Any) -> None:
        file = Counted(data)
        found = bundlekit.unbundle(file, parts={"layers/dense_1"})
        assert list(found) == ["layers/dense_1/vars/0", "layers/dense_1/vars/1"]
        assert same(found, large, 1)
        assert file.taken < 9 * MIB < len(data)

    def test_of_a_file_of_weights_too(self, large: Any) -> None:
        file = Counted(bundlekit.dumps(large, "keras-weights"))
        found = bundlekit.unbundle(file, parts=["layers/dense_2"])
        assert same(found, large, 2)
        assert file.taken < 9 * MIB

    def test_all_weights(self, data: bytes, large: Any) -> None:
        found = bundlekit.unbundle(data, parts="weights")
        assert len(found) == len(large.weights)

    def test_the_config_takes_no_weights(self, data: bytes) -> None:
        file = Counted(data)
        assert bundlekit.unbundle(file, parts={"config"}).built
        assert file.taken < MIB

    def test_a_part_of_a_model_takes_its_own(self, data: bytes, large: Any) -> None:
        import keras
        import numpy as np

        target = keras.Sequential(
            [keras.Input((7,)), keras.layers.Dense(5), keras.layers.Dense(7), keras.layers.Dense(2)]
        )
        file = Counted(data)
        allowed = ("unexpected", "mismatched")
        report = bundlekit.unbundle(file, into=target, allow_partial=allowed)
        assert [one.stored_path for one in report.matched] == ["layers/dense_2/vars/1"]
        assert np.array_equal(np.array(target.layers[2].bias), np.array(large.layers[2].bias))
        assert file.taken < 9 * MIB

    def test_a_place_that_is_none_names_the_nearest(self, data: bytes) -> None:
        with pytest.raises(UnknownOption, match="nothing is stored; the nearest are layers/dense"):
            bundlekit.unbundle(data, parts={"layers/dens"})

    @pytest.mark.parametrize("parts", [{"config", "layers/dense"}, 3, [1]])
    def test_what_are_no_places_is_refused(self, parts: Any, data: bytes) -> None:
        with pytest.raises(UnknownOption, match="'weights' or places such as"):
            bundlekit.unbundle(data, parts=parts)

    def test_hdf5_is_not_parsed(self, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise AssertionError("parsed")

        monkeypatch.setattr(hdf5, "opened", refuse)
        assert bundlekit.unbundle(data).built
        with pytest.raises(AssertionError, match="parsed"):
            bundlekit.verify(data, deep=True)


class TestMemory:
    def test_is_not_the_files(self, large: Any, tmp_path: Path) -> None:
        """What happens to the file later does not reach the model, nor the other way round."""
        import numpy as np

        path = tmp_path / "model.bundle"
        bundlekit.dump(large, path)
        before = path.read_bytes()
        model = bundlekit.load(path)
        values = [np.array(weight) for weight in model.weights]
        with path.open("r+b") as file:
            file.write(os.urandom(len(before)))
        assert all(map(np.array_equal, map(np.array, model.weights), values))
        path.write_bytes(before)
        train(model)
        assert path.read_bytes() == before

    def test_is_not_the_callers(self, data: bytes) -> None:
        own = bytearray(data)
        model = bundlekit.unbundle(memoryview(own).toreadonly())
        train(model)
        assert own == data

    def test_may_be_a_private_mapping(self, data: bytes, large: Any, tmp_path: Path) -> None:
        import numpy as np

        path = tmp_path / "model.bundle"
        path.write_bytes(data)
        model = bundlekit.unbundle(path, alias=True)
        assert all(
            np.array_equal(np.array(mine), np.array(theirs))
            for mine, theirs in zip(model.weights, large.weights, strict=True)
        )
        before = np.array(model.weights[0])
        train(model)
        assert not np.array_equal(np.array(model.weights[0]), before)
        assert path.read_bytes() == data

    def test_damage_is_found_before_the_model_is_given(self, data: bytes) -> None:
        tensor = max(bundlekit.inspect(data).tensors, key=lambda one: one.size)
        at = data.index(b"\x89HDF") + tensor.offset + tensor.size // 2
        broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(Damaged, match=r"model\.weights\.h5"):
            bundlekit.unbundle(broken)
        assert bundlekit.unbundle(broken, verify="lazy").built  # as the caller has asked
        with pytest.raises(Damaged, match=r"model\.weights\.h5"):
            bundlekit.unbundle(broken, parts={"layers/dense"})
        assert len(bundlekit.unbundle(broken, parts={"layers/dense_2"})) == 2


def train(model: Any) -> None:
    import numpy as np

    model.compile("adam", "mse")
    x = np.ones((2, *model.input_shape[1:]), "float32")
    model.train_on_batch(x, np.zeros((2, 2), "float32"))


def test_walking_asks_keras_once_what_to_leave_out(
    large: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras makes an object for every object that it looks at, to know which attributes are its."""
    from keras.src.saving import saving_lib

    asked: list[str] = []
    original = saving_lib.get_attr_skipset

    def asking(kind: str) -> Any:
        asked.append(kind)
        return original(kind)

    monkeypatch.setattr(saving_lib, "get_attr_skipset", asking)
    monkeypatch.setattr(walking, "_left_out", {})
    bundlekit.bundle(large)
    bundlekit.bundle(large)
    assert asked
    assert len(asked) == len(set(asked))
