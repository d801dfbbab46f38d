"""Both sides of every private name of Keras: with it, and without."""

from __future__ import annotations

from typing import Any

import pytest
from bundlekit_keras import internals
from bundlekit_keras.internals import versions

import bundlekit
from bundlekit.errors import BundleWarning, NotRestorable

Trained = tuple[Any, Any]


def test_names_do_not_advance(trained: Trained) -> None:
    import keras

    before = keras.layers.Layer().name
    bundlekit.bundle(trained[0])
    number = int(before.rpartition("_")[2]) if "_" in before else 0
    assert keras.layers.Layer().name == f"layer_{number + 1}"


@pytest.mark.parametrize("version", [(3, 5), (3, 999), (4, 0)])
def test_on_an_untried_keras_the_public_way_gives_the_same_bundle(
    trained: Trained, version: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = bundlekit.unbundle(bundlekit.bundle(trained[0]))
    model.reset_metrics()
    expected = bundlekit.dumps(model)
    monkeypatch.setattr(versions, "version", lambda: version)
    assert internals.name_counters() is None
    assert internals.global_seed() is None
    assert bundlekit.dumps(model) == expected
    assert bundlekit.unbundle(expected).optimizer.built


def test_on_an_untried_keras_running_metrics_are_declared_as_lost(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = bundlekit.bundle(trained[0])
    monkeypatch.setattr(versions, "version", lambda: (4, 0))
    assert "running metrics" in {one.what for one in bundlekit.bundle(trained[0]).manifest.losses}
    with pytest.warns(BundleWarning, match="the running metrics _compile_metrics.* start anew"):
        bundlekit.unbundle(bundled)


def test_on_an_untried_keras_a_layer_that_others_share_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import keras

    from tests.keras_adapter.acme_exact import Wrapper

    dense = keras.layers.Dense(3)
    model = keras.Sequential([keras.Input((3,)), Wrapper(dense), Wrapper(dense)])
    bundled = bundlekit.bundle(model)
    own = {"Wrapper": Wrapper}
    assert bundlekit.unbundle(bundled, custom_objects=own).built
    monkeypatch.setattr(versions, "version", lambda: (4, 0))
    with pytest.raises(NotRestorable, match="nothing is stored for layers/wrapper_1/inner/vars/0"):
        bundlekit.unbundle(bundled, custom_objects=own)


def test_where_the_private_name_is_gone_the_public_way_is_taken(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    expected = bundlekit.dumps(trained[0])
    monkeypatch.setitem(sys.modules, "keras.src.backend.common.global_state", None)
    monkeypatch.delattr("keras.src.backend.common.global_state")
    assert internals.name_counters() is None
    assert bundlekit.dumps(trained[0]) == expected


def test_on_the_installed_keras_the_private_way_is_taken() -> None:
    import keras

    keras.layers.Dense(1)
    counters = internals.name_counters()
    assert counters is not None
    assert counters["dense"] > 0
    keras.random.normal((1,))
    assert internals.global_seed() is not None


def test_keras_does_not_import_tensorflow_to_ask_whether_an_object_is_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    import keras
    from keras.src.saving import serialization_lib

    tensorflow = sys.modules["tensorflow"]
    with internals.importing_no_tensorflow():
        shape = keras.saving.serialize_keras_object(tensorflow.TensorShape((2, 3)))
        assert shape == [2, 3], "once somebody has imported it, objects can be of it"
        monkeypatch.delitem(sys.modules, "tensorflow")
        assert not serialization_lib.tf.available
    assert serialization_lib.tf.available, "Keras' own way is back"


def test_on_an_untried_keras_its_own_way_to_tensorflow_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from keras.src.saving import serialization_lib

    before = serialization_lib.tf
    monkeypatch.setattr(versions, "version", lambda: (4, 0))
    with internals.importing_no_tensorflow():
        assert serialization_lib.tf is before
