"""TensorFlow's Python loggers, silent for the time of a save or a load."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def quiet() -> Iterator[None]:
    """Let through errors only: savers and loaders log what here is checked, declared or restored.

    For example that a model is not compiled, or that its optimizer's state is gone, which
    tf_keras says before it is put back.
    """
    loggers = [logging.getLogger(name) for name in ("absl", "tensorflow")]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in before:
            logger.setLevel(level)
