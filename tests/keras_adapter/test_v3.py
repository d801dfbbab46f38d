from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bundlekit
from bundlekit.errors import (
    Damaged,
    FrameworkMissing,
    MissingCustomObjects,
    NotBuilt,
    NotRestorable,
    Refused,
    Unwritable,
)

Trained = tuple[Any, Any]


def rewritten(data: bytes, path: str, content: bytes | None) -> bytes:
    """Change or remove one member, and make the rest of the artifact fit it."""
    from bundlekit import manifest as manifests
    from bundlekit.writing import Content, write

    bundled = bundlekit.Bundle(data)
    contents = {name: Content(bundled.read(name), name.endswith(".h5")) for name in bundled.members}
    fields = {name: getattr(bundled.manifest, name) for name in bundled.manifest.__struct_fields__}
    if content is None:
        del contents[path]
        fields["tensors"] = tuple(one for one in fields["tensors"] if one.member != path)
    else:
        contents[path] = Content(content, path.endswith(".h5"))
    file = io.BytesIO()
    write(file, contents, lambda members: manifests.build(**{**fields, "members": members}))
    return file.getvalue()


def with_config(data: bytes, change: dict[str, Any]) -> bytes:
    config = json.loads(bundlekit.Bundle(data).read("config.json"))
    return rewritten(data, "config.json", json.dumps({**config, **change}).encode())


@pytest.fixture(scope="module")
def data(trained: Trained) -> bytes:
    return bundlekit.dumps(trained[0])


def test_the_artifact_is_a_keras_file(trained: Trained, data: bytes, tmp_path: Path) -> None:
    import keras

    (tmp_path / "small.keras").write_bytes(data)
    model = keras.saving.load_model(tmp_path / "small.keras")
    assert (model.predict(trained[1], verbose=0) == trained[0].predict(trained[1], verbose=0)).all()
    assert int(model.optimizer.iterations) == int(trained[0].optimizer.iterations) > 0


def test_the_weights_begin_at_byte_512_and_open_in_place(data: bytes, tmp_path: Path) -> None:
    import h5py

    assert data[512:520] == b"\x89HDF\r\n\x1a\n"
    (tmp_path / "small.bundle").write_bytes(data)
    with h5py.File(tmp_path / "small.bundle") as weights:
        assert weights.userblock_size == 512
        assert "layers" in weights


def test_the_manifest_tells_about_the_model(data: bytes) -> None:
    import keras

    manifest = bundlekit.inspect(data)
    assert (manifest.adapter, manifest.kind, manifest.name) == ("keras", "model", "small")
    assert manifest.parameters == 4 * 6 + 6 + 6 * 2 + 2
    assert manifest.capabilities == ("evaluate", "fit", "predict", "resume")
    assert manifest.signature is not None
    assert [(spec.name, spec.dtype, spec.shape) for spec in manifest.signature.inputs] == [
        ("features", "float32", (None, 4))
    ]
    assert [(spec.name, spec.shape) for spec in manifest.signature.outputs] == [("out", (None, 2))]
    assert manifest.environment["keras"] == keras.__version__
    assert manifest.environment["backend"] == keras.backend.backend()
    assert {"numpy", "h5py", "python", "platform", keras.backend.backend()} <= set(
        manifest.environment
    )


def test_nothing_in_the_artifact_tells_when_or_where_it_was_made(data: bytes) -> None:
    import getpass
    import socket

    for secret in (
        str(Path.home()),
        str(Path.cwd()),
        socket.gethostname(),
        getpass.getuser() + "@",
    ):
        assert secret.encode() not in data
    assert b"date_saved" not in data


def test_capabilities_are_computed() -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert bundlekit.bundle(model).manifest.capabilities == ("predict",)
    model.compile("sgd", "mse")
    assert bundlekit.bundle(model).manifest.capabilities == ("evaluate", "fit", "predict")


def test_what_is_kept_besides_the_weights_is_declared(trained: Trained) -> None:
    import keras

    manifest = bundlekit.bundle(trained[0]).manifest
    assert manifest.states == ("optimizer", "random states", "running metrics")
    assert manifest.losses == ()
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert bundlekit.bundle(model).manifest.states == ()


def test_an_unbuilt_model_is_refused_with_the_remedy(tmp_path: Path) -> None:
    import keras

    class Own(keras.Model):
        pass

    for model in (keras.Sequential([keras.layers.Dense(2)], name="mine"), Own(name="mine")):
        with pytest.raises(
            NotBuilt, match=r"'mine' \(\w+\) is not built.*call it on data, model\(x\)"
        ):
            bundlekit.dump(model, tmp_path / "model.bundle")
    assert list(tmp_path.iterdir()) == []


def test_a_chain_that_says_it_is_built_and_waits_for_its_first_call_is_refused() -> None:
    import keras

    class Wrap(keras.layers.Wrapper):
        def call(self, x: Any) -> Any:
            return self.layer(x) * 1.5

    wrapped = keras.layers.TimeDistributed(Wrap(keras.layers.Dense(3)))
    inner = keras.Sequential([keras.Input((3, 4)), wrapped, keras.layers.Dense(2, name="last")])
    assert inner.built
    with pytest.raises(NotBuilt, match="these layers in it are not: .*'last'; .* on data") as said:
        bundlekit.bundle(inner)
    assert "last" in said.value.layers  # type: ignore[attr-defined]
    inner(np.ones((2, 3, 4)))
    assert bundlekit.bundle(inner)


def test_a_lambda_is_refused_when_bundling() -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)])
    with pytest.raises(
        Unwritable,
        match=r"holds a lambda at config\.layers\[1\]\.config\.function .*lambda x: x.*write a "
        r"named function, or let it travel in the artifact",
    ):
        bundlekit.bundle(model)
    bundled = bundlekit.bundle(model, code="value")
    assert [need.kind for need in bundled.needs] == ["lambda"]


def test_a_lambda_in_an_artifact_is_refused(data: bytes) -> None:
    node = {"class_name": "__lambda__", "config": {"value": ["4wAAAA==", None, None]}}
    changed = with_config(data, {"compile_config": {"loss": node}})
    for trust in (None, ["acme"], bundlekit.Trust(imports=["keras"])):
        with pytest.raises(Refused, match=r"a lambda at compile_config\.loss.*Trust\(code=True\)"):
            bundlekit.unbundle(changed, trust=trust)
    assert [need.kind for need in bundlekit.verify(changed).needs] == ["lambda"]


def test_a_lambda_of_stock_keras_is_run_where_code_is_trusted(trained: Trained) -> None:
    """Its bytecode is in the config, as in files that bundlekit did not write."""
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 3.0)])
    config = keras.saving.serialize_keras_object(model)
    model.layers[0].function = keras.activations.linear
    changed = with_config(bundlekit.dumps(model), config)
    with pytest.raises(Refused, match="carries a lambda"):
        bundlekit.unbundle(changed)
    restored = bundlekit.unbundle(changed, trust=bundlekit.Trust(code=True))
    assert restored.predict(trained[1][:, :2], verbose=0) == pytest.approx(trained[1][:, :2] * 3)


def test_missing_classes_are_all_listed_and_nothing_is_imported(data: bytes) -> None:
    nodes: list[dict[str, Any]] = [
        {"module": "evil", "class_name": name, "config": {}, "registered_name": f"acme>{name}"}
        for name in ("First", "Second")
    ]
    changed = with_config(data, {"compile_config": {"loss": nodes}})
    with pytest.raises(
        MissingCustomObjects, match=r'custom_objects=\{"First": First, "Second"'
    ) as refusal:
        bundlekit.unbundle(changed)
    assert [need.name for need in refusal.value.missing] == ["acme>First", "acme>Second"]
    assert [need.where for need in refusal.value.missing] == [
        ("compile_config.loss[0]",),
        ("compile_config.loss[1]",),
    ]
    assert "evil" not in sys.modules
    assert {need.module for need in bundlekit.verify(changed).needs} == {"evil"}


def test_own_classes_are_found_by_either_name_in_scopes_and_in_the_registry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import keras

    from bundlekit import travel

    @keras.saving.register_keras_serializable("acme")
    class Registered(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    class Plain(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    def own_loss(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

    model = keras.Sequential([keras.Input((2,)), Registered(), Plain(), keras.layers.Dense(1)])
    model.compile("sgd", own_loss)
    bundled = bundlekit.bundle(model)
    assert bundlekit.unbundle(bundled).loss is own_loss  # this process has bundled it
    monkeypatch.setattr(travel, "_bundled_here", {})
    given = {"Plain": Plain, "own_loss": own_loss}
    restored = bundlekit.unbundle(bundled, custom_objects=given)
    assert [type(layer) for layer in restored.layers[:2]] == [Registered, Plain]
    with keras.saving.custom_object_scope(given):
        assert bundlekit.unbundle(bundled).loss is own_loss
    keras.saving.get_custom_objects().pop("acme>Registered")
    with pytest.raises(MissingCustomObjects, match="were not found:\n  acme>Registered"):
        bundlekit.unbundle(bundled)
    for name in ("Registered", "acme>Registered"):
        assert bundlekit.unbundle(bundled, custom_objects={**given, name: Registered}).built


@pytest.mark.parametrize("member", ["config.json", "metadata.json", "model.weights.h5"])
def test_a_missing_member_is_named(data: bytes, member: str) -> None:
    with pytest.raises(Damaged, match=f"has no {member}"):
        bundlekit.unbundle(rewritten(data, member, None))


def test_a_member_that_nobody_reads_is_refused(data: bytes) -> None:
    with pytest.raises(Damaged, match=r"extra\.bin is no member of the adapter 'keras'"):
        bundlekit.unbundle(rewritten(data, "extra.bin", b"x"))


def test_metadata_that_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(Damaged, match=r"metadata\.json is no JSON object"):
        bundlekit.verify(rewritten(data, "metadata.json", b"[]"))


def test_a_config_that_builds_no_model_is_refused(data: bytes) -> None:
    adam = {"module": "keras.optimizers", "class_name": "Adam", "config": {}}
    with pytest.raises(NotRestorable, match="Adam"):
        bundlekit.unbundle(rewritten(data, "config.json", json.dumps(adam).encode()))


@pytest.mark.parametrize("config", [b"[]", b"{}", b"not json", b'{"class_name":1,"class_name":2}'])
def test_a_config_that_is_no_model_is_refused(data: bytes, config: bytes) -> None:
    with pytest.raises(Damaged, match=r"config\.json"):
        bundlekit.unbundle(rewritten(data, "config.json", config))


def test_what_keras_cannot_rebuild_is_a_clear_error_with_the_cause(data: bytes) -> None:
    broken = {
        "config": {
            "name": "small",
            "layers": [{"module": "keras.layers", "class_name": "Dense", "config": {}}],
        }
    }
    with pytest.raises(NotRestorable, match=r"could not rebuild .*Sequential 'small'") as refusal:
        bundlekit.unbundle(with_config(data, broken))
    assert refusal.value.__cause__ is not None


def test_a_missing_framework_says_what_to_install(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "small.bundle").write_bytes(data)
    code = (
        "import sys; sys.modules['keras'] = None\n"
        "import bundlekit\n"
        "assert bundlekit.inspect(sys.argv[1]).kind == 'model'\n"
        "assert bundlekit.verify(sys.argv[1]).unaudited == ()\n"
        "try: bundlekit.load(sys.argv[1])\n"
        "except bundlekit.FrameworkMissing as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "small.bundle"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pip install 'bundlekit[keras]'" in done.stdout


def test_an_old_keras_is_refused(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    import keras

    monkeypatch.setattr(keras, "__version__", "3.5.0")
    with pytest.raises(FrameworkMissing, match=r"needs Keras 3\.6 or later; found 3\.5\.0"):
        bundlekit.unbundle(data)


def test_it_works_far_from_home(data: bytes, tmp_path: Path) -> None:
    """No HOME, another folder, and the file gone once it is loaded."""
    path = tmp_path / "small.bundle"
    path.write_bytes(data)
    code = (
        "import sys, os, bundlekit\n"
        "model = bundlekit.load(sys.argv[1]); os.unlink(sys.argv[1])\n"
        "print(model.name, model.optimizer.iterations.numpy())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env={"PATH": "", "TMPDIR": str(tmp_path)},
    )
    assert done.stdout.split() == ["small", "1"]
    assert list(tmp_path.iterdir()) == []


def test_members_are_what_keras_writes_and_our_own(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == [
            "model.weights.h5",
            "state.safetensors",
            "config.json",
            "metadata.json",
            "variables.json",
            "manifest.json",
        ]
