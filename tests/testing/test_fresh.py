from __future__ import annotations

from pathlib import Path

import pytest

from bundlekit.testing import Outcome, fresh_process
from bundlekit.testing.failures import FreshProcessFailed, RoundTripFailed

FLAWED = Path(__file__).with_name("flawed_models.py")


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    return fresh_process(FLAWED)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Forgetful", r"came back different:\n  prediction: 2 of 2 values differ"),
        ("Meddling", r"Meddling came back different:\n  variable/layers/meddling/vars/0"),
        ("Registering", r"bundling Registering changed it or its process:\n  registry"),
        ("Counting", r"Counting came back different:\n  config"),
        ("unknown", r"(?s)did not come back:.*MissingCustomObjects.*Forgetful"),
        ("unbuilt", r"(?s)did not come back:.*NotBuilt"),
    ],
)
def test_what_does_not_survive_is_said(name: str, found: str, outcomes: dict[str, Outcome]) -> None:
    with pytest.raises(RoundTripFailed, match=found):
        outcomes[name].check()


def test_what_bundling_changes_is_seen(outcomes: dict[str, Outcome]) -> None:
    assert [difference.place for difference in outcomes["Meddling"].impure][:1] != []
    assert outcomes["Once"].impure[0].place.startswith("variable/layers/once/vars/0")
    assert "registry" in [difference.place for difference in outcomes["Registering"].impure]


def test_bytes_that_change_are_seen(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["Counting"].unstable
    assert not outcomes["Forgetful"].unstable


def test_what_survives_passes(outcomes: dict[str, Outcome]) -> None:
    outcomes["sound"].check()


def test_a_file_without_cases_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("def cases():\n    return ()\n")
    with pytest.raises(FreshProcessFailed, match=r"empty\.py yields no cases"):
        fresh_process(tmp_path / "empty.py")


def test_an_interpreter_that_dies_shows_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "dying.py").write_text(
        "import os\nprint('my last words', flush=True)\nos._exit(7)\n"
    )
    with pytest.raises(FreshProcessFailed, match=r"(?s)should write ended with 7:\nmy last words"):
        fresh_process(tmp_path / "dying.py")


def test_an_interpreter_that_hangs_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "hanging.py").write_text("import time\ntime.sleep(60)\n")
    with pytest.raises(FreshProcessFailed, match="should write was stopped after 2 seconds"):
        fresh_process(tmp_path / "hanging.py", timeout=2)


def test_a_missing_file_of_cases_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FreshProcessFailed, match=r"none\.py"):
        fresh_process(tmp_path / "none.py")
