"""Files that Keras wrote, as bundles: whole, in parts, hostile, and from the command line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import bundlekit
from bundlekit import (
    Damaged,
    IncompleteLoad,
    LimitExceeded,
    NotABundle,
    NotRestorable,
    Refused,
    TooNew,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def model() -> Any:
    import keras

    keras.utils.set_random_seed(4)
    inputs = keras.Input((4,), name="features")
    hidden = keras.layers.Dense(3, activation="relu", name="hidden")(inputs)
    made = keras.Model(inputs, keras.layers.Dense(1, name="out")(hidden), name="plain")
    made.compile("adam", "mse", metrics=["mae"])
    x = np.ones((4, 4), "float32")
    made.fit(x, x[:, :1], verbose=0)
    return made


@pytest.fixture(scope="module")
def files(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import keras

    folder = tmp_path_factory.mktemp("files")
    model.save(folder / "model.keras")
    keras.saving.save_model(model, folder / "unzipped", zipped=False)
    model.save(folder / "model.h5")
    model.save_weights(folder / "model.weights.h5")
    (folder / "shards").mkdir()
    model.save_weights(folder / "shards" / "model.weights.json", max_shard_size=1e-7)
    (folder / "model.json").write_text(model.to_json())
    return folder


def rezipped(path: Path, **changes: bytes | None) -> bytes:
    """Write a `.keras` file with other members."""
    target = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if name not in changes:
                new.writestr(name, old.read(name))
        for name, data in changes.items():
            if data is not None:
                new.writestr(name, data)
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "adapter"),
    [
        ("model.keras", "keras"),
        ("unzipped", "keras"),
        ("model.h5", "keras-h5"),
        ("model.weights.h5", "keras-weights"),
        ("shards/model.weights.json", "keras-weights"),
        ("model.json", "keras-config"),
    ],
)
class TestKinds:
    def test_it_is_told_by_its_content(
        self, files: Path, name: str, adapter: str, tmp_path: Path
    ) -> None:
        path = files / name
        if path.is_file() and "/" not in name:
            path = tmp_path / "any.name"
            path.write_bytes((files / name).read_bytes())
        bundle = bundlekit.adopt(path)
        assert bundle.manifest.adapter == adapter
        assert "Keras" in bundle.manifest.environment["written_by"]
        assert bytes(bundlekit.adopt(path)) == bytes(bundle)
        bundlekit.verify(bundle)

    def test_it_comes_back(self, files: Path, name: str, adapter: str, model: Any) -> None:
        import keras

        bundle = bundlekit.adopt(files / name)
        x = np.arange(8, dtype="float32").reshape(2, 4)
        if adapter == "keras-weights":
            target = keras.models.clone_model(model)
            target.compile("adam", "mse")
            assert bundlekit.unbundle(bundle, into=target).optimizer == "restored"
        else:
            target = bundlekit.unbundle(bundle)
        if adapter != "keras-config":
            assert np.array_equal(target.predict(x, verbose=0), model.predict(x, verbose=0))
            assert int(target.optimizer.iterations) == 1


def test_the_original_bytes_are_the_payload(files: Path) -> None:
    bundle = bundlekit.adopt(files / "model.h5")
    assert bundle.read("model.h5") == (files / "model.h5").read_bytes()
    with zipfile.ZipFile(files / "model.keras") as archive:
        kept = bundlekit.adopt(files / "model.keras")
        for name in archive.namelist():
            assert kept.read(name) == archive.read(name)


def test_a_bundle_is_given_back(model: Any, tmp_path: Path) -> None:
    bundled = bundlekit.bundle(model)
    bundled.save(tmp_path / "model.bundle")
    assert bundlekit.adopt(tmp_path / "model.bundle") == bundled


def test_adopting_imports_no_framework(files: Path) -> None:
    script = (
        "import sys, bundlekit\n"
        "for name in sys.argv[1:]:\n"
        "    bundlekit.verify(bundlekit.adopt(name))\n"
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules)))\n"
    )
    names = ["model.keras", "unzipped", "model.h5", "model.weights.h5", "model.json"]
    done = subprocess.run(
        [sys.executable, "-c", script, *[str(files / name) for name in names]],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


class TestHostile:
    @pytest.mark.parametrize(
        ("changes", "kind", "match"),
        [
            ({"../evil": b""}, Damaged, "is not relative and normalised"),
            ({"evil.py": b""}, Damaged, "is nothing that Keras writes"),
            ({"assets/../../evil": b""}, Damaged, "is not relative and normalised"),
            ({"model.weights.h5": b"\x80\x04N."}, Damaged, "is no HDF5 file"),
            ({"model.weights.h5": None}, NotRestorable, r"holds no model\.weights\.h5"),
            (
                {"model.weights.h5": None, "model.weights.npz": b""},
                NotRestorable,
                r"weights as model\.weights\.npz, which is not read",
            ),
            ({"metadata.json": b'{"keras_version": "99.0.0"}'}, TooNew, "reads files of Keras up"),
            ({"metadata.json": b'{"keras_version": []}'}, Damaged, "which is no version"),
            ({"config.json": b"[]"}, Damaged, "is no JSON object"),
        ],
    )
    def test_a_keras_file(
        self, files: Path, changes: Any, kind: Any, match: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "model.keras"
        path.write_bytes(rezipped(files / "model.keras", **changes))
        with pytest.raises(kind, match=match):
            bundlekit.adopt(path)

    def test_a_zip_bomb(self, files: Path, tmp_path: Path) -> None:
        target = io.BytesIO(rezipped(files / "model.keras"))
        with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("assets/bomb", bytes(50_000_000))
        claimed = target.getvalue().replace(
            (50_000_000).to_bytes(4, "little"), (4_000_000_000).to_bytes(4, "little")
        )
        target = io.BytesIO(claimed)
        (tmp_path / "model.keras").write_bytes(target.getvalue())
        with pytest.raises(LimitExceeded, match="is stored in"):
            bundlekit.adopt(tmp_path / "model.keras")

    def test_two_members_of_one_name(self, files: Path, tmp_path: Path) -> None:
        target = io.BytesIO(rezipped(files / "model.keras"))
        with warnings.catch_warnings(), zipfile.ZipFile(target, "a") as archive:
            warnings.simplefilter("ignore")
            archive.writestr("config.json", b"{}")
        (tmp_path / "model.keras").write_bytes(target.getvalue())
        with pytest.raises(Damaged, match="two files in it have one name"):
            bundlekit.adopt(tmp_path / "model.keras")

    def test_a_config_that_asks_for_what_nobody_may_allow(
        self, files: Path, tmp_path: Path
    ) -> None:
        node = {"module": "keras.utils", "class_name": "get_file", "config": {}}
        (tmp_path / "model.json").write_text(json.dumps({**node, "registered_name": None}))
        with pytest.raises(Refused, match=r"keras\.utils\.get_file"):
            bundlekit.adopt(tmp_path / "model.json")

    @pytest.mark.parametrize("name", ["../model.weights.h5", "/etc/hostname", "a.txt"])
    def test_shards_that_are_elsewhere(self, tmp_path: Path, name: str) -> None:
        found = {"metadata": {}, "weight_map": {"/layers/dense/vars": [name]}}
        (tmp_path / "model.weights.json").write_text(json.dumps(found))
        with pytest.raises(Damaged, match="expected the name of an H5 file"):
            bundlekit.adopt(tmp_path / "model.weights.json")

    def test_a_shard_that_is_a_link(self, files: Path, tmp_path: Path) -> None:
        for path in (files / "shards").iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        shard = next(tmp_path.glob("*.h5"))
        kept = tmp_path / "kept"
        shard.rename(kept)
        shard.symlink_to(kept)
        with pytest.raises(Refused, match="is a link"):
            bundlekit.adopt(tmp_path / "model.weights.json")

    def test_a_map_that_lists_other_weights(self, files: Path, tmp_path: Path) -> None:
        for path in (files / "shards").iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        path = tmp_path / "model.weights.json"
        listed = json.loads(path.read_text())
        listed["weight_map"] = {"/layers/other/vars": sorted(p.name for p in tmp_path.glob("*.h5"))}
        path.write_text(json.dumps(listed))
        with pytest.raises(Damaged, match="lists other weights than its shards hold"):
            bundlekit.adopt(path)

    @pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"{", b"\x80\x04N.", b"not a model"])
    def test_what_is_none_of_all_this(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "model.h5").write_bytes(data)
        with pytest.raises((NotABundle, Damaged)):
            bundlekit.adopt(tmp_path / "model.h5")


class TestConvert:
    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bundlekit", "convert", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_a_file_becomes_a_bundle_with_its_own_bytes(self, files: Path, tmp_path: Path) -> None:
        out = tmp_path / "model.bundle"
        done = self.run(str(files / "model.h5"), "-o", str(out))
        assert done.returncode == 0, done.stderr
        assert "<Bundle keras-h5 model 'plain'" in done.stdout
        assert "not kept: random states" in done.stdout
        assert bundlekit.inspect(out).adapter == "keras-h5"
        again = self.run(str(files / "model.h5"), "-o", str(out))
        assert again.returncode == 1
        assert "model.bundle" in again.stderr

    def test_from_one_adapter_to_another(self, files: Path, tmp_path: Path, model: Any) -> None:
        bundle = tmp_path / "model.bundle"
        done = self.run(str(files / "model.h5"), "-o", str(bundle), "--to", "keras")
        assert done.returncode == 0, done.stderr
        restored = bundlekit.unbundle(bundle)
        x = np.ones((2, 4), "float32")
        assert np.array_equal(restored.predict(x, verbose=0), model.predict(x, verbose=0))
        assert int(restored.optimizer.iterations) == 1
        weights = tmp_path / "weights.bundle"
        done = self.run(str(bundle), "-o", str(weights), "--to", "keras-weights")
        assert done.returncode == 0, done.stderr
        assert "not kept: architecture" in done.stdout
        assert bundlekit.unbundle(weights, into=restored).complete

    def test_what_makes_no_sense_says_so(self, files: Path, tmp_path: Path) -> None:
        out = str(tmp_path / "out.bundle")
        done = self.run(str(files / "model.weights.h5"), "-o", out, "--to", "keras")
        assert done.returncode == 1
        assert "cannot become one of keras: it holds no architecture" in done.stderr
        assert not (tmp_path / "out.bundle").exists()


def test_numbers_are_not_cut_off_before_they_are_put_into_bins(tmp_path: Path) -> None:
    import tf_keras

    inputs = tf_keras.Input((1,))
    bins = tf_keras.layers.Discretization(bin_boundaries=[-3.7, -0.5, 2.04])(inputs)
    tf_keras.Model(inputs, bins).save(tmp_path / "model.keras")
    new = bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.keras"))
    x = np.array([[-3.6], [-0.6], [-0.4], [2.1]], "float32")
    assert new.predict(x, verbose=0).ravel().tolist() == [1, 1, 2, 3]


def test_a_metric_is_called_like_the_function_that_it_wraps(tmp_path: Path) -> None:
    import keras
    import tf_keras

    def gap(y_true: Any, y_pred: Any) -> Any:
        return abs(y_true - y_pred)

    models = {}
    x, y = np.ones((2, 2), "float32"), np.ones((2, 1), "float32")
    for framework in (tf_keras, keras):
        layers = [framework.Input((2,)), framework.layers.Dense(1)]
        models[framework] = framework.Sequential(layers)
        models[framework].compile("sgd", loss="mse", metrics=[gap])
        models[framework].train_on_batch(x, y)
    models[keras].compile("sgd", loss="mse", metrics=[keras.metrics.MeanMetricWrapper(gap, "gap")])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
        models[tf_keras].save(tmp_path / "model.h5")
    bundles = [bundlekit.adopt(tmp_path / "model.h5"), bundlekit.bundle(models[keras])]
    for bundled in bundles:
        new = bundlekit.unbundle(bundled, custom_objects={"gap": gap})
        assert "gap" in new.evaluate(x, y, verbose=0, return_dict=True)


def test_boundaries_that_keras_2_learned_come_back(tmp_path: Path) -> None:
    import keras
    import tf_keras

    def made(framework: Any) -> Any:
        layers = framework.layers
        inputs = framework.Input((1,))
        coding = layers.CategoryEncoding(num_tokens=4, output_mode="one_hot")
        coded = coding(layers.Discretization(num_bins=4)(inputs))
        return framework.Model(inputs, layers.Dense(1)(coded))

    old = made(tf_keras)
    old.layers[1].adapt(np.arange(100.0).reshape(-1, 1))
    x = np.array([[-1.0], [20.0], [30.0], [60.0], [90.0]])
    right = old.predict(x, verbose=0)
    old.save(tmp_path / "model.keras")
    old.save_weights(tmp_path / "model.weights.h5")
    old.save_weights(tmp_path / "old.h5")
    old.save_weights(tmp_path / "prefix", save_format="tf")
    whole = bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.keras"))
    assert np.allclose(right, whole.predict(x, verbose=0), atol=1e-6)
    for name in ("model.weights.h5", "old.h5", "prefix"):
        into = made(keras)
        report = bundlekit.unbundle(bundlekit.adopt(tmp_path / name), into=into)
        assert len(report.matched) == 3
        assert into.layers[1].name in str(report.matched)
        assert np.allclose(right, into.predict(x, verbose=0), atol=1e-6)


@pytest.mark.parametrize(
    "summary", [np.full((2, 5), np.nan), np.zeros((2, 0)), [[3, 2, 1], [1, 1, 1]]]
)
def test_a_summary_that_tells_no_boundaries_is_refused_and_the_model_left(
    summary: Any, tmp_path: Path
) -> None:
    import h5py
    import keras

    inputs = keras.Input((1,))
    bins = keras.layers.Discretization(num_bins=8)
    coded = keras.layers.CategoryEncoding(num_tokens=9, output_mode="one_hot")(bins(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(coded))
    bins.adapt(np.arange(100.0))
    model.save_weights(tmp_path / "model.weights.h5")
    with h5py.File(tmp_path / "model.weights.h5", "a") as file:
        for name in ("layers/discretization/vars/0", "layers/dense/vars/1"):
            file.pop(name, None)
        file["layers/discretization/vars/0"] = np.asarray(summary, "float32")
        file["layers/dense/vars/1"] = np.ones(1, "float32")
    before = list(bins.bin_boundaries), [np.array(w) for w in model.get_weights()]
    with pytest.raises(NotRestorable, match=r"discretization/vars/0 makes the boundaries"):
        bundlekit.unbundle(bundlekit.adopt(tmp_path / "model.weights.h5"), into=model)
    assert bins.bin_boundaries == before[0]
    assert all(map(np.array_equal, model.get_weights(), before[1]))


def test_boundaries_go_by_the_names_of_their_layers(tmp_path: Path) -> None:
    import keras
    import tf_keras

    def made(framework: Any, *names: str) -> Any:
        inputs = [framework.Input((1,), name=f"in_{name}") for name in names]
        layers = [framework.layers.Discretization(num_bins=3, name=name) for name in names]
        return framework.Model(inputs, [layer(x) for layer, x in zip(layers, inputs, strict=True)])

    old = made(tf_keras, "age", "income")
    for name, scale in (("age", 1.0), ("income", 100.0)):
        old.get_layer(name).adapt(scale * np.arange(1.0, 7.0).reshape(-1, 1))
    old.save_weights(tmp_path / "old.h5")
    new = made(keras, "income", "age")
    bundlekit.unbundle(bundlekit.adopt(tmp_path / "old.h5"), into=new)
    assert max(new.get_layer("age").bin_boundaries) < 10
    assert min(new.get_layer("income").bin_boundaries) > 50


def test_a_kernel_is_no_summary(tmp_path: Path) -> None:
    import keras
    import tf_keras

    inputs = tf_keras.Input((2,))
    old = tf_keras.Model(inputs, tf_keras.layers.Dense(2, use_bias=False, name="head")(inputs))
    old.save_weights(tmp_path / "old.h5")
    inputs = keras.Input((1,))
    bins = keras.layers.Discretization(num_bins=3)
    coded = keras.layers.CategoryEncoding(num_tokens=3, output_mode="one_hot")(bins(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(coded))
    bins.adapt(np.arange(30.0))
    before = list(bins.bin_boundaries)
    with pytest.raises(IncompleteLoad, match="none of the stored weights"):
        bundlekit.unbundle(bundlekit.adopt(tmp_path / "old.h5"), into=model, allow_partial=True)
    assert bins.bin_boundaries == before


def test_a_mask_that_keras_3_loses_takes_tf_keras(tmp_path: Path) -> None:
    import tf_keras

    tf_keras.utils.set_random_seed(1)
    layers = tf_keras.layers
    source, target = (tf_keras.Input((None,), dtype="int32") for _ in range(2))
    state = layers.LSTM(4, return_state=True)(layers.Embedding(9, 3, mask_zero=True)(source))[1:]
    decoded = layers.LSTM(4)(layers.Embedding(9, 3, mask_zero=True)(target), initial_state=state)
    old = tf_keras.Model([source, target], layers.Dense(2)(decoded))
    x = [np.array([[1, 2, 3, 0]], "int32"), np.array([[4, 5, 0, 0]], "int32")]
    right = old.predict(x, verbose=0)
    old.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
        old.save(tmp_path / "model.h5")
    for name in ("model.keras", "model.h5"):
        with pytest.warns(bundlekit.BundleWarning, match="Keras 3 loses the mask"):
            new = bundlekit.unbundle(bundlekit.adopt(tmp_path / name))
        assert np.allclose(new.predict(x, verbose=0), right, atol=1e-6)


def test_what_trains_in_another_way_is_declared(tmp_path: Path) -> None:
    import tf_keras

    layers = tf_keras.layers
    inner = tf_keras.Sequential([layers.Input((3, 2)), layers.BatchNormalization()])
    inputs = tf_keras.Input((3, 2))
    for name, outputs in (
        ("pinned", inner(inputs, training=False)),
        ("by_step", layers.TimeDistributed(layers.BatchNormalization())(inputs)),
        ("plain", layers.BatchNormalization()(inner(inputs))),
    ):
        tf_keras.Model(inputs, outputs).save(tmp_path / f"{name}.keras")
    whats = {
        name: {loss.what for loss in bundlekit.adopt(tmp_path / f"{name}.keras").manifest.losses}
        - {"random states"}
        for name in ("pinned", "by_step", "plain")
    }
    assert whats == {
        "pinned": {"training=False of an inner model"},
        "by_step": {"how BatchNormalization in TimeDistributed trains"},
        "plain": set(),
    }
