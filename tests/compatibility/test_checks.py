"""The checks see what is not the same: each is shown a model that has one thing wrong."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

import bundlekit
from tests.artifacts.keras_files import SCRIPT
from tests.compatibility.building import Models
from tests.compatibility.files import Recorded
from tests.compatibility.readers import Stock
from tests.compatibility.reading import result_of
from tests.compatibility.results import ERROR, OK, REFUSED, RESET, WRONG, Result
from tests.compatibility.run import run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@pytest.fixture(scope="module")
def models(framework: None) -> Models:
    return Models(SCRIPT)


class Altering(Stock):
    """Reads with Keras and then does something to the model."""

    def __init__(
        self, key: str, alter: Callable[[Any], object], declared: Sequence[str] = ()
    ) -> None:
        self._key = key
        self._alter = alter
        self._declared = declared

    def whole(self, file: Recorded, objects: Mapping[str, object]) -> Any:
        model = super().whole(file, objects)
        self._alter(model)
        return model

    def weights(self, file: Recorded, model: Any) -> None:
        super().weights(file, model)
        if file.key == self._key:
            self._alter(model)

    def architecture(self, file: Recorded, objects: Mapping[str, object]) -> Any:
        model = super().architecture(file, objects)
        self._alter(model)
        return model

    def inference(self, file: Recorded) -> Any:
        served = super().inference(file)
        predict = served.predict
        served.predict = lambda inputs: predict(inputs) + 1e-3
        return served

    def declared(self, file: Recorded) -> Sequence[str]:
        return self._declared


def forget_slots(model: Any) -> None:
    slot = next(v for v in model.optimizer.variables if v.path.endswith("_momentum"))
    slot.assign(slot * 0)


def forget_steps(model: Any) -> None:
    model.optimizer.iterations.assign(0)


def other_rate(model: Any) -> None:
    model.optimizer.learning_rate.assign(0.02)


def nudge(model: Any) -> None:
    model.weights[0].assign(model.weights[0] + 1e-2)


def other_loss(model: Any) -> None:
    model.compile(model.optimizer, model.loss, loss_weights=[0.5], metrics=["accuracy"])


def other_metric(model: Any) -> None:
    model.compile(model.optimizer, model.loss, metrics=["sparse_top_k_categorical_accuracy"])


def other_activation(model: Any) -> None:
    model.layers[-1].activation = None


def without_compile(model: Any) -> None:
    model.compiled = False


def read(
    keras_files: Path, models: Models, key: str, alter: Callable[[Any], object], *declared: str
) -> Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras', of an optimizer that a file of weights has not
        file = Recorded(keras_files, *key.split("/"))
        return result_of(file, Altering(key, alter, declared), models)


@pytest.mark.parametrize("name", ["keras", "weights_h5", "json"])
def test_what_is_the_same_is_ok(name: str, keras_files: Path, models: Models) -> None:
    found = read(keras_files, models, f"keras3.15/conv_bn/{name}", lambda _: None)
    assert found == Result(OK)


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (nudge, "outputs: digit differs by up to"),
        (forget_steps, "the optimizer is at step 0, expected 8"),
        (forget_slots, "the optimizer lost"),
        (other_rate, "outputs after the next step: digit differs"),
        (other_loss, "the loss of the next step: found"),
        (other_metric, "evaluate gives no 'accuracy'"),
        (without_compile, "the model is not compiled"),
    ],
)
def test_a_whole_model_that_is_not_the_same_is_wrong(
    alter: Callable[[Any], object], said: str, keras_files: Path, models: Models
) -> None:
    found = read(keras_files, models, "keras3.15/conv_bn/keras", alter)
    assert found.outcome == WRONG
    assert found.reason.startswith(said)


def test_an_optimizer_that_starts_anew_may_be_declared(keras_files: Path, models: Models) -> None:
    key = "keras3.15/conv_bn/keras"
    found = read(keras_files, models, key, forget_steps, "optimizer: it was lost")
    assert found.outcome == RESET
    assert "it was lost" in found.reason
    assert read(keras_files, models, key, nudge, "optimizer: it was lost").outcome == WRONG
    assert read(keras_files, models, key, forget_steps, "metrics: lost").outcome == WRONG


@pytest.mark.parametrize(
    ("key", "alter", "said"),
    [
        ("keras3.15/conv_bn/weights_h5", nudge, "outputs: digit differs"),
        ("keras3.15/conv_bn/json", other_activation, "outputs: digit differs"),
        ("keras3.15/custom_layer/saved_model", nudge, "outputs: level differs"),
    ],
)
def test_other_files_that_are_not_the_same_are_seen(
    key: str, alter: Callable[[Any], object], said: str, keras_files: Path, models: Models
) -> None:
    found = read(keras_files, models, key, alter)
    assert not found.good
    assert found.reason.startswith(said)


def raising(error: Exception) -> Callable[[Any], object]:
    def fail(model: Any) -> None:
        raise error

    return fail


def test_our_own_errors_are_refusals_and_all_others_are_not(
    keras_files: Path, models: Models
) -> None:
    key = "keras3.15/conv_bn/keras"
    refused = read(keras_files, models, key, raising(bundlekit.Refused("no such thing")))
    assert refused == Result(REFUSED, "Refused: no such thing")
    failed = read(keras_files, models, key, raising(KeyError("x")))
    assert failed == Result(ERROR, "KeyError: 'x'")


def test_a_fresh_model_that_needs_no_weights_would_prove_nothing(
    keras_files: Path, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Recorded(keras_files, "keras3.15", "conv_bn", "weights_h5")
    beside = Recorded(keras_files, "keras3.15", "conv_bn", "keras")
    trained = Stock().whole(beside, {})
    monkeypatch.setattr(models, "fresh", lambda _: trained)
    assert "would prove nothing" in result_of(file, Stock(), models).reason


def test_a_reader_that_dies_is_an_error_of_one_file(keras_files: Path, tmp_path: Path) -> None:
    script = tmp_path / "dying.py"
    script.write_text(
        SCRIPT.read_text("utf-8").split('if __name__ == "__main__"')[0]
        + "\nCASES['conv_bn']['build'] = lambda _: os._exit(7)\n"
    )
    keys = [("conv_bn", "weights_h5"), ("custom_layer", "weights_h5")]
    files = [Recorded(keras_files, "keras3.15", *key) for key in keys]
    died, after = run(files, script, stock=True, processes=1).values()
    assert died.outcome == ERROR
    assert "ended with 7" in died.reason
    assert after == Result(OK)


def test_results_are_read_as_they_are_written() -> None:
    for outcome in (OK, RESET, REFUSED, WRONG, ERROR):
        for reason in ("", "a: b"):
            assert Result.parse(str(Result(outcome, reason))) == Result(outcome, reason)
    with pytest.raises(ValueError, match="no result"):
        Result.parse("fine")
