"""Fresh models of the same code that wrote the files, under the Keras that is here."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20
"""Not the writers', so that a fresh model is none of theirs."""


class Models:
    """The models of a script that wrote files.

    Args:
        script: the script; it is imported, and its custom objects leave Keras' registry.
    """

    def __init__(self, script: Path) -> None:
        import keras

        spec = importlib.util.spec_from_file_location("recorded_models", script)
        if spec is None or spec.loader is None:
            raise ValueError(f"{script} is no Python file")
        self._module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = self._module
        spec.loader.exec_module(self._module)
        registry = keras.saving.get_custom_objects()
        self.objects: dict[str, Any] = dict(registry)
        """The custom objects by registered name."""
        registry.clear()

    def fresh(self, model: str) -> Any:
        """Build a model and compile it; it has never seen data, but what it was adapted to."""
        import keras

        case = self._module.CASES[model]
        keras.utils.set_random_seed(SEED)
        built = case["build"](case["data"]()[0])
        case["compile"](built)
        return built
