"""What tests of every folder may use."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the matrix of backends; it is here since pytest-xdist's own process reads this file."""
    from tests.backends import table

    reports = [one for found in terminalreporter.stats.values() for one in found]
    if cells := table.reported(reports):
        terminalreporter.section("kinds of models by writing and reading backend")
        for line in table.lines(cells):
            terminalreporter.write_line(line)


@pytest.fixture(scope="module", autouse=True)
def names_start_anew() -> None:
    """Let no file of tests meet the names that Keras counted up in another of the same process.

    The files are shared out between processes as these become free, never twice the same way.
    """
    if keras := sys.modules.get("keras"):
        keras.utils.clear_session(free_memory=False)


@pytest.fixture(scope="session")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the files that other releases wrote, `<writer>/<model>/`; see their README."""
    from tests.artifacts.keras_files import unpack

    return unpack(tmp_path_factory.mktemp("keras_files"))


@pytest.fixture(scope="session")
def framework() -> None:
    """Import Keras and its backend, which warn while they are imported; what follows is ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras

        keras.backend.backend()
