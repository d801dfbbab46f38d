"""The arguments of `compile`, from the forms that older files hold them in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit_keras.legacy import refusing
from bundlekit_keras.legacy.copying import copied
from bundlekit_keras.legacy.era import era_of
from bundlekit_keras.nodes import Place

if TYPE_CHECKING:
    from bundlekit_keras.legacy.era import Era

_NEVER_NONE = {"run_eagerly": False, "steps_per_execution": 1, "jit_compile": False}
"""What Keras 2 writes as null, and takes to be this; Keras 3 fails on it, or takes another."""


def modern_compile_config(
    training_config: dict[str, Any], *, written_by: str | None
) -> dict[str, Any]:
    """Give what `Model.compile_from_config` of Keras 3 takes.

    Args:
        training_config: the attribute of that name of an H5 file, or the `compile_config` of a
            `.keras` file. It is not changed.
        written_by: as in `modern`.

    Raises:
        NotRestorable, Damaged: as `modern`.
    """
    from bundlekit_keras.legacy.migration import migrate

    if not isinstance(training_config, dict):
        raise refusing.malformed(Place(None, ""), "compile config", training_config, "an object")
    era = era_of(training_config, written_by)
    holder = [arguments(copied(training_config), era)]
    migrate(holder, 0, None, era, keras=True)
    return holder[0]


def arguments(config: dict[str, Any], era: Era) -> dict[str, Any]:
    """Give the arguments by their names today; what is in them is not yet migrated."""
    given = dict(config)
    if "optimizer_config" in given:
        given["optimizer"] = given.pop("optimizer_config")
    for key, value in _NEVER_NONE.items():
        if era.keras_2 and given.get(key) is None:
            given[key] = value
    return given
