"""Who reads the files: bundlekit, or stock Keras for comparison."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Protocol

from tests.compatibility.checks import Wrong

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.compatibility.files import Recorded


class Reader(Protocol):
    """Reads each kind of file; whatever it raises is the result for that file."""

    def whole(self, file: Recorded, objects: Mapping[str, object]) -> Any:
        """Give the model, compiled."""
        ...

    def weights(self, file: Recorded, model: Any) -> None:
        """Load weights into a model, all of them, and the optimizer's state if there is one."""
        ...

    def architecture(self, file: Recorded, objects: Mapping[str, object]) -> Any:
        """Give a model with fresh weights."""
        ...

    def inference(self, file: Recorded) -> Any:
        """Give something that has `predict`."""
        ...

    def declared(self, file: Recorded) -> Sequence[str]:
        """Say what the reader has declared as lost."""
        ...


class Bundlekit:
    """Reads the bundles that another process has made of the files.

    Args:
        bundles: the folder that holds them.
    """

    def __init__(self, bundles: Path) -> None:
        self._bundles = bundles
        self._optimizer: dict[str, str] = {}

    def whole(self, file: Recorded, objects: Mapping[str, object]) -> Any:
        import bundlekit

        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", bundlekit.BundleWarning)
            model = bundlekit.unbundle(self._bundle(file), custom_objects=objects)
        for warning in said:
            if "starts anew" in str(warning.message):
                self._optimizer[file.key] = str(warning.message)
        return model

    def weights(self, file: Recorded, model: Any) -> None:
        import bundlekit

        report = bundlekit.unbundle(self._bundle(file), into=model)
        self._optimizer[file.key] = report.optimizer
        for fault in ("missing", "unexpected", "mismatched"):
            if found := getattr(report, fault):
                raise Wrong(f"the report has {fault} entries: {found}")
        if not report.matched:
            raise Wrong("the report has no matched entries")

    def architecture(self, file: Recorded, objects: Mapping[str, object]) -> Any:
        return self.whole(file, objects)

    def inference(self, file: Recorded) -> Any:
        import bundlekit

        return bundlekit.unbundle(self._bundle(file))

    def declared(self, file: Recorded) -> Sequence[str]:
        import bundlekit

        losses = bundlekit.inspect(self._bundle(file)).losses
        declared = [f"{loss.what}: {loss.why}" for loss in losses]
        said = self._optimizer.get(file.key, "none stored")
        if said not in ("restored", "none stored"):
            declared.append(f"optimizer: {said}")
        return declared

    def _bundle(self, file: Recorded) -> Path:
        return bundle_path(self._bundles, file)


def bundle_path(bundles: Path, file: Recorded) -> Path:
    """Say where the bundle of a file is kept."""
    return bundles / f"{file.key.replace('/', '-')}.bundle"


class Stock:
    """Reads the files with Keras' own functions."""

    def whole(self, file: Recorded, objects: Mapping[str, object]) -> Any:
        import keras

        return keras.saving.load_model(file.path, custom_objects=dict(objects))

    def weights(self, file: Recorded, model: Any) -> None:
        model.load_weights(file.path)

    def architecture(self, file: Recorded, objects: Mapping[str, object]) -> Any:
        import keras

        text = file.path.read_text("utf-8")
        return keras.models.model_from_json(text, custom_objects=dict(objects))

    def inference(self, file: Recorded) -> Any:
        import keras

        keras2 = file.meta["writer"]["keras"].startswith("2.")
        endpoint = "serving_default" if keras2 else "serve"
        return _Called(keras.layers.TFSMLayer(file.path, call_endpoint=endpoint))

    def declared(self, file: Recorded) -> Sequence[str]:
        return ()


class _Called:
    """A layer as something that has `predict`."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    def predict(self, inputs: Any) -> Any:
        return self._layer(inputs)
