"""Variables that do not come back exactly are an error that names them; each guard is fired."""

from __future__ import annotations

import io
import json
import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

import bundlekit
from bundlekit import travel
from bundlekit.adapter import ITEM_SIZES, Tensor
from bundlekit.errors import (
    BundleError,
    BundleWarning,
    Damaged,
    MissingCustomObjects,
    NotRestorable,
    UnknownOption,
    Unwritable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Trained = tuple[Any, Any]
RECORD = "variables.json"


def changed(
    data: bytes,
    members: dict[str, bytes] | None = None,
    tensors: Callable[[tuple[Tensor, ...]], Iterable[Tensor]] = tuple,
) -> bytes:
    """Change members and the tensor index, and make the rest of the artifact fit them."""
    from bundlekit import manifest as manifests
    from bundlekit.writing import Content, write

    bundled = bundlekit.Bundle(data)
    held = {path: bundled.read(path) for path in bundled.members} | (members or {})
    contents = {path: Content(content, path.endswith(".h5")) for path, content in held.items()}
    fields = {name: getattr(bundled.manifest, name) for name in bundled.manifest.__struct_fields__}
    fields["tensors"] = tuple(tensors(bundled.manifest.tensors))
    file = io.BytesIO()
    write(file, contents, lambda written: manifests.build(**{**fields, "members": written}))
    return file.getvalue()


def with_record(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    record = json.loads(bundlekit.Bundle(data).read(RECORD))
    change(record)
    encoded = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
    return changed(data, {RECORD: encoded})


def retyped(path: str, dtype: str, shape: tuple[int, ...]) -> Callable[..., Iterable[Tensor]]:
    size = math.prod(shape) * ITEM_SIZES[dtype]

    def change(tensors: tuple[Tensor, ...]) -> Iterable[Tensor]:
        for one in tensors:
            new = {"dtype": dtype, "shape": shape, "size": size}
            yield msgspec.structs.replace(one, **new) if one.path == path else one

    return change


@pytest.fixture(scope="module")
def data(trained: Trained) -> bytes:
    return bundlekit.dumps(trained[0])


def paths(data: bytes, kind: str) -> list[str]:
    record = json.loads(bundlekit.Bundle(data).read(RECORD))
    return [one["path"] for one in record["variables"] if one.get("kind", "weight") == kind]


class TestTheTensorList:
    def test_lists_every_variable_with_its_bytes(self, trained: Trained, data: bytes) -> None:
        from bundlekit_keras.account import account_of

        bundled = bundlekit.Bundle(data)
        entries = account_of(trained[0]).entries
        found = {}
        for one in bundled.manifest.tensors:
            content = bundled.read(one.member)[one.offset : one.offset + one.size]
            found[one.path] = np.frombuffer(content, one.dtype).reshape(one.shape)
        assert set(found) == set(entries)
        for path, entry in entries.items():
            np.testing.assert_array_equal(found[path], entry.read())
        assert {one.member for one in bundled.manifest.tensors} == {
            "model.weights.h5",
            "state.safetensors",
        }

    def test_with_one_less_is_refused(self, data: bytes) -> None:
        path = paths(data, "weight")[0]
        less = changed(data, tensors=lambda found: [one for one in found if one.path != path])
        with pytest.raises(Damaged, match=f"lists no tensor for {path}"):
            bundlekit.verify(less)

    def test_with_one_more_is_refused(self, data: bytes) -> None:
        def more(found: tuple[Tensor, ...]) -> Iterable[Tensor]:
            yield from found
            yield Tensor(
                path="a/ghost", member="config.json", dtype="int8", shape=(2,), offset=0, size=2
            )

        with pytest.raises(Damaged, match="lists tensors of no variable: a/ghost"):
            bundlekit.verify(changed(data, tensors=more))

    @pytest.mark.parametrize(("dtype", "shape"), [("int32", None), ("float32", (1,))])
    def test_that_is_not_that_of_the_file_is_refused(
        self, data: bytes, dtype: str, shape: tuple[int, ...] | None
    ) -> None:
        path = paths(data, "weight")[0]
        own = next(one for one in bundlekit.Bundle(data).manifest.tensors if one.path == path)
        tampered = changed(data, tensors=retyped(path, dtype, shape or own.shape))
        with pytest.raises(BundleError, match=path):
            bundlekit.unbundle(tampered)

    def test_that_points_elsewhere_is_found_by_a_deep_look(self, data: bytes) -> None:
        first, second = paths(data, "weight")[:2]

        def shifted(found: tuple[Tensor, ...]) -> Iterable[Tensor]:
            offsets = {one.path: one.offset for one in found}
            sizes = {one.path: one.size for one in found}
            small, large = sorted((first, second), key=lambda path: sizes[path])
            for one in found:
                if one.path == large:
                    continue
                at = offsets[large] if one.path == small else one.offset
                yield msgspec.structs.replace(one, offset=at)
            yield next(
                msgspec.structs.replace(one, offset=offsets[large] + sizes[small])
                for one in found
                if one.path == large
            )

        with pytest.raises(BundleError, match=r"differ in \d+ tensors|overlaps|ends at byte"):
            bundlekit.verify(changed(data, tensors=shifted), deep=True)

    def test_of_another_state_than_the_file_is_found_by_a_deep_look(self, data: bytes) -> None:
        state = bundlekit.Bundle(data).read("state.safetensors")
        renamed = state.replace(b"seed_generator/state", b"seed_generator/stale")
        assert renamed != state
        bundlekit.verify(data, deep=True)
        with pytest.raises(Damaged, match="of the manifest and state.safetensors differ"):
            bundlekit.verify(changed(data, {"state.safetensors": renamed}), deep=True)

    def test_of_a_state_that_is_none_is_found_by_a_deep_look(self, data: bytes) -> None:
        size = len(bundlekit.Bundle(data).read("state.safetensors"))
        with pytest.raises(Damaged, match=r"state\.safetensors is not sound"):
            bundlekit.verify(changed(data, {"state.safetensors": b"\xff" * size}), deep=True)


class TestTheRecord:
    @pytest.mark.parametrize(
        ("change", "found"),
        [
            (lambda record: record.pop("variables"), "no record of variables"),
            (lambda record: record.update(more=1), "no record of variables"),
            (
                lambda record: record["variables"].append(record["variables"][0]),
                "are listed twice",
            ),
            (
                lambda record: record["trained"]["optimizer"].append("ghost"),
                "was made for variables that are not listed",
            ),
        ],
    )
    def test_that_is_not_sound_is_refused(
        self, change: Callable[[dict[str, Any]], None], found: str, data: bytes
    ) -> None:
        with pytest.raises(Damaged, match=found):
            bundlekit.verify(with_record(data, change))

    @pytest.mark.parametrize(
        ("flags", "found"),
        [
            ({"lora": [10**9, 1]}, "has LoRA weights of rank 1000000000, and no tensor of it"),
            ({"mode": "int1"}, "no record of variables: Invalid enum value 'int1'"),
        ],
    )
    def test_that_would_make_more_than_is_stored_is_refused(
        self, flags: dict[str, Any], found: str, data: bytes
    ) -> None:
        def change(record: dict[str, Any]) -> None:
            record["layers"]["layers/dense"].update(flags)

        with pytest.raises(Damaged, match=found):
            bundlekit.verify(with_record(data, change))

    def test_of_a_policy_that_is_none_is_an_error(self, data: bytes) -> None:
        def change(record: dict[str, Any]) -> None:
            record["layers"]["layers/dense"]["dtype"] = "float31"

        with pytest.raises(NotRestorable, match="could not rebuild .*float31"):
            bundlekit.unbundle(with_record(data, change))

    def test_has_to_be_there(self, data: bytes) -> None:
        from tests.keras_adapter.test_v3 import rewritten

        with pytest.raises(Damaged, match=r"has no variables\.json"):
            bundlekit.unbundle(rewritten(data, RECORD, None))


class Changing:
    """A class whose layers have other variables when they are built the second time."""

    @staticmethod
    def layer(later: str) -> Any:
        import keras

        class Own(keras.layers.Layer):
            now = "same"

            def build(self, shape: Any) -> None:
                if self.now != "lost":
                    self.scale = self.add_weight(
                        shape=(2,) if self.now == "reshaped" else (),
                        dtype="float16" if self.now == "cast" else None,
                        initializer="ones",
                        name="scale",
                    )
                if self.now == "more":
                    self.offset = self.add_weight(shape=(), initializer="ones", name="scala")

            def call(self, x: Any) -> Any:
                return x

        model = keras.Sequential([keras.Input((3,)), Own(name="own"), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        bundled = bundlekit.bundle(model)
        Own.now = later
        return bundled, {"Own": Own}


@pytest.mark.parametrize(
    ("later", "found"),
    [
        ("lost", r"it has no variable layers/own/vars/0 \(.*scale\)"),
        ("more", r"nothing is stored for layers/own/vars/1 \(.*scala\)"),
        ("cast", r"layers/own/vars/0 is stored as float32\[\], and .*scale is float16\[\]"),
        ("reshaped", r"layers/own/vars/0 is stored as float32\[\], and .*scale is float32\[2\]"),
    ],
)
def test_another_variable_is_an_error(later: str, found: str) -> None:
    bundled, objects = Changing.layer(later)
    with pytest.raises(NotRestorable, match=found) as failure:
        bundlekit.unbundle(bundled, custom_objects=objects)
    report = failure.value.report  # type: ignore[attr-defined]
    assert not report.complete


def test_the_nearest_names_are_shown() -> None:
    bundled, objects = Changing.layer("more")
    with pytest.raises(NotRestorable, match=r"nothing is stored for layers/own/vars/1") as failure:
        bundlekit.unbundle(bundled, custom_objects=objects)
    assert "optimizer" not in str(failure.value).partition("layers/own/vars/1")[0]


def test_variables_that_were_one_have_to_be_one() -> None:
    import keras

    class Twice(keras.layers.Layer):
        tied = True

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.one, self.other = keras.layers.Dense(3), keras.layers.Dense(3)

        def build(self, shape: Any) -> None:
            self.one.build(shape)
            self.other.build(shape)
            if self.tied:
                self.scale = self.one.kernel
            else:
                self.scale = self.add_weight(shape=(3, 3), initializer="ones")

        def call(self, x: Any) -> Any:
            return self.one(x) + self.other(x)

    model = keras.Sequential([keras.Input((3,)), Twice(name="twice")])
    bundled = bundlekit.bundle(model)
    assert bundlekit.unbundle(bundled, custom_objects={"Twice": Twice}).built
    Twice.tied = False
    with pytest.raises(NotRestorable, match="was the same variable as layers/twice/"):
        bundlekit.unbundle(bundled, custom_objects={"Twice": Twice})


def test_a_variable_that_a_class_saves_in_another_form_is_refused() -> None:
    import keras

    class Halving(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.scale = self.add_weight(shape=(4,), initializer="ones")

        def call(self, x: Any) -> Any:
            return x * self.scale

        def save_own_variables(self, store: Any) -> None:
            store["half"] = keras.ops.convert_to_numpy(self.scale)[:2]

        def load_own_variables(self, store: Any) -> None:
            self.scale.assign(np.repeat(np.asarray(store["half"]), 2))

    model = keras.Sequential([keras.Input((4,)), Halving()])
    model.layers[0].scale.assign([1.0, 2.0, 3.0, 4.0])
    restored = bundlekit.unbundle(bundlekit.bundle(model), custom_objects={"Halving": Halving})
    np.testing.assert_array_equal(restored.layers[0].scale, [1.0, 2.0, 3.0, 4.0])


class TestOptimizers:
    def compiled(self, optimizer: Any) -> Any:
        import keras

        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        model.compile(optimizer, "mse")
        model.train_on_batch(np.ones((4, 3)), np.ones((4, 2)))
        return model

    def test_with_other_slots_are_an_error(self) -> None:
        import keras

        class Odd(keras.optimizers.SGD):
            more = False

            def build(self, variables: Any) -> None:
                if not self.built and self.more:
                    self.extra = self.add_variable((), name="extra")
                super().build(variables)

        model = self.compiled(Odd(0.1, momentum=0.9))
        bundled = bundlekit.bundle(model)
        Odd.more = True
        with pytest.raises(NotRestorable, match="nothing is stored for optimizer/vars/4"):
            bundlekit.unbundle(bundled, custom_objects={"Odd": Odd})
        restored = bundlekit.unbundle(bundled, custom_objects={"Odd": Odd}, optimizer="drop")
        assert int(restored.optimizer.iterations) == 0

    @pytest.mark.parametrize("adapter", ["keras", "keras-h5"])
    def test_can_be_left_out_of_a_bundle(self, adapter: str) -> None:
        model = self.compiled("adam")
        whole = bundlekit.bundle(model, adapter)
        less = bundlekit.bundle(model, adapter, optimizer="drop")
        lost = {loss.what: loss.why for loss in less.manifest.losses}
        assert "as was asked for" in lost["optimizer state"]
        assert "optimizer" in whole.manifest.states
        assert "optimizer" not in less.manifest.states
        assert "resume" not in less.manifest.capabilities
        assert len(bytes(less)) < len(bytes(whole))
        restored = bundlekit.unbundle(less)
        assert int(restored.optimizer.iterations) == 0
        assert restored.compiled
        np.testing.assert_array_equal(restored.layers[0].kernel, model.layers[0].kernel)

    @pytest.mark.parametrize("adapter", ["keras", "keras-h5"])
    def test_can_be_left_out_when_restoring(self, adapter: str) -> None:
        model = self.compiled("adam")
        bundled = bundlekit.bundle(model, adapter)
        restored = bundlekit.unbundle(bundled, optimizer="drop")
        assert int(restored.optimizer.iterations) == 0
        assert int(bundlekit.unbundle(bundled).optimizer.iterations) == 1
        report = bundlekit.unbundle(bundled, into=restored, optimizer="drop")
        assert report.optimizer == "left alone"
        assert int(restored.optimizer.iterations) == 0

    def test_no_arrays_of_one_that_is_left_out_are_in_the_file(self) -> None:
        less = bundlekit.bundle(self.compiled("adam"), optimizer="drop")
        assert not [one for one in less.manifest.tensors if "optimizer" in one.path]

    def test_another_word_is_unknown(self) -> None:
        with pytest.raises(UnknownOption, match="optimizer='forget' is not known"):
            bundlekit.bundle(self.compiled("adam"), optimizer="forget")
        with pytest.raises(UnknownOption, match="compile='no' is not known"):
            bundlekit.unbundle(bundlekit.bundle(self.compiled("adam")), compile="no")


@pytest.mark.parametrize("adapter", ["keras", "keras-h5"])
def test_a_model_that_is_not_compiled_takes_no_losses_and_metrics(adapter: str) -> None:
    import keras

    def own_loss(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

    def own_metric(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.max(y_true - y_pred)

    own_loss.__module__ = own_metric.__module__ = "nowhere"
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
    model.compile("adam", own_loss, metrics=[own_metric])
    model.train_on_batch(np.ones((4, 3), "float32"), np.ones((4, 2), "float32"))
    data = bundlekit.dumps(model, adapter, code="value")
    travel._bundled_here.clear()  # as in a process that has not bundled it
    with pytest.raises(MissingCustomObjects, match="own_loss"):
        bundlekit.unbundle(data)
    restored = bundlekit.unbundle(data, compile=False)
    assert not restored.compiled
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(restored(x), model(x))
    assert bundlekit.unbundle(data, into=restored).complete


def test_what_is_set_on_a_container_of_keras_own_is_declared_as_lost() -> None:
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("adam", "mse")
    model.number = keras.Variable(4.0)
    model.helper = keras.layers.Dense(3)
    model.helper(np.ones((1, 3)))
    model.measured = keras.metrics.Mean()
    model.measured.update_state(3.0)
    model.aside = [keras.optimizers.SGD(momentum=0.9)]
    model.aside[0].build(model.helper.trainable_variables)
    with pytest.warns(BundleWarning, match="attributes of the model .* not kept: aside, helper"):
        bundled = bundlekit.bundle(model)
    lost = {loss.what: loss.why for loss in bundled.manifest.losses}
    assert lost["attributes"].startswith("aside, helper, measured were set on a container")
    restored = bundlekit.unbundle(bundled)
    assert float(restored.number) == 4.0
    assert not hasattr(restored, "helper")
    np.testing.assert_array_equal(restored.layers[0].kernel, model.layers[0].kernel)


def test_a_layer_that_waits_for_its_calibration_is_refused() -> None:
    import keras

    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])
    config = keras.quantizers.GPTQConfig(dataset=["x"], tokenizer=lambda text: text, group_size=8)
    model.layers[0].quantize("gptq", config=config)
    with pytest.raises(Unwritable, match=r"'dense.*' are quantised and not calibrated"):
        bundlekit.bundle(model)


def test_a_count_that_this_backend_cannot_hold_is_refused(data: bytes) -> None:
    import keras
    from bundlekit_keras import exact
    from bundlekit_keras.account import Entry

    small = Entry(path="count", variable=keras.Variable(0, dtype="int8"), owner=None)
    with pytest.raises(NotRestorable, match=r"count is stored as int64 \[300\].*as int8"):
        exact._give(small, np.asarray(300))


def test_integers_of_another_kind_pass_from_another_backend_alone(data: bytes) -> None:
    metadata = json.loads(bundlekit.Bundle(data).read("metadata.json"))
    assert metadata["backend"] == "tensorflow"
    seed = paths(data, "random")[0]
    own = next(one for one in bundlekit.Bundle(data).manifest.tensors if one.path == seed)
    state = bundlekit.Bundle(data).read(own.member)
    unsigned = state.replace(b'"I64"', b'"U64"')
    members = {own.member: unsigned}
    with pytest.raises(NotRestorable, match=f"{seed} is stored as uint64"):
        bundlekit.unbundle(changed(data, members, retyped(seed, "uint64", own.shape)))
    members["metadata.json"] = json.dumps({**metadata, "backend": "jax"}).encode()
    elsewhere = changed(data, members, retyped(seed, "uint64", own.shape))
    assert bundlekit.unbundle(elsewhere).built


def test_metrics_that_are_others_start_anew_and_are_named() -> None:
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(np.ones((4, 3)), np.ones((4, 2)))

    def other(record: dict[str, Any]) -> None:
        record["metrics"]["_loss_tracker"] = "Sum"

    tampered = with_record(bundlekit.dumps(model), other)
    with pytest.warns(BundleWarning, match="the running metrics _loss_tracker of .* start anew"):
        bundlekit.unbundle(tampered)
