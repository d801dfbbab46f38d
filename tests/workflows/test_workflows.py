"""Fitted things persist by themselves: each row of what R users have, from one process to another.

The reader has no source, no HOME, another folder, and cannot write anywhere.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.conftest import READ_ONLY, run

KEPT = (
    "holding.bundle",
    "holding.pickle",
    "model.bundle",
    "model.cloudpickle",
    "model.joblib",
    "model.pickle",
    "path.pickle",
    "pipeline.pickle",
    "search.bundle",
    "search.pickle",
    "several.bundle",
    "slim.bundle",
    "trained.pickle",
    "value.pickle",
)


@pytest.mark.parametrize("name", KEPT)
def test_what_was_kept_predicts_the_same_elsewhere(read: dict[str, Any], name: str) -> None:
    # TensorFlow compiles anew in each process, and its last bit may be another one.
    assert read["differences"][name] < 1e-6


def test_everything_that_was_kept_is_looked_at(read: dict[str, Any]) -> None:
    assert sorted(read["differences"]) == sorted(KEPT)


def test_the_reader_has_neither_home_nor_a_place_to_write(read: dict[str, Any]) -> None:
    assert read["home"] is None
    assert read["read-only"] is bool(READ_ONLY)


def test_unpickling_imports_no_framework(read: dict[str, Any]) -> None:
    assert read["imported by unpickling"] == []


def test_each_bundle_is_restored_once(read: dict[str, Any]) -> None:
    # Three pickles hold one model. A search holds two handles: what it was given and what it found.
    assert read["restored"] == 8


def test_frames_come_out_with_their_index(made: dict[str, Any], read: dict[str, Any]) -> None:
    assert made["frames"][:3] == [f"standardscaler__{name}" for name in "abc"]
    assert read["frames"]


def test_a_shared_model_comes_back_as_one_object(read: dict[str, Any]) -> None:
    assert read["several"] == [["encoder", "decoder", "threshold", "again"], True]


def test_models_that_train_each_other_still_do(read: dict[str, Any]) -> None:
    assert read["gan"] == {"identity": True, "next steps": True}


def test_a_handle_in_a_bundle_comes_back_as_one_and_persists_on(read: dict[str, Any]) -> None:
    assert read["a handle again"] == "Handle"
    assert read["kept on"] < 1e-6


def test_without_its_code_it_fails_clearly_and_completely(read: dict[str, Any]) -> None:
    error = read["reference"]
    assert error["type"] == "MissingCustomObjects"
    for what in ("acme_net:build", "acme_net:Thrice", "No module named 'acme_net'"):
        assert what in error["message"]


@pytest.mark.parametrize("name", ["holding", "search", "slim"])
def test_a_bundle_runs_no_code_that_is_not_trusted(read: dict[str, Any], name: str) -> None:
    assert read[f"untrusted {name}"] == [["build", "Twice"], True]


def test_what_could_not_be_bundled_warns_at_fit_and_fails_at_predict(
    made: dict[str, Any], read: dict[str, Any]
) -> None:
    (said,) = made["warned"]
    assert "cannot be bundled, so it will not survive pickling" in said
    assert "Lost" in said
    assert made["still predicts"]
    assert (read["failed"]["type"], read["failed"]["cause"]) == ("NotRestorable", "Unwritable")
    assert "SKLearnRegressor is not here" in read["failed"]["message"]
    assert "Lost" in read["failed"]["message"]


@pytest.mark.parametrize(
    "what",
    [
        "isinstance",
        "same",
        "training went on",
        "a deep copy is another",
        "after clear_session",
        "after clear_session, restored",
        "next step",
        "unpickling looks at nothing else",
        "in a worker thread",
        "searched",
        "parameters",
        "clone",
        "slim",
    ],
)
def test_a_handle_in_its_own_process(made: dict[str, Any], what: str) -> None:
    assert made[what] is True


def test_parameters_are_set_through_a_handle(made: dict[str, Any]) -> None:
    assert made["set_params"] == [True, False]
    assert made["pipeline"] == ["scale", "net"]


def test_sixteen_threads_in_four_processes_restore_once_each() -> None:
    pool = str(Path(__file__).parent / "pool.py")
    found = json.loads(run([sys.executable, "-W", "error::UserWarning", pool]))
    assert found == {"processes": 4, "restored": [1], "equal": True}
