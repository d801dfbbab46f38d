"""The arguments of `compile`, from the forms that older files hold them in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit_keras.legacy import refusing
from bundlekit_keras.legacy.copying import copied
from bundlekit_keras.legacy.era import era_of
from bundlekit_keras.nodes import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bundlekit_keras.legacy.era import Era

_NEVER_NONE = {"run_eagerly": False, "steps_per_execution": 1, "jit_compile": False}
"""What Keras 2 writes as null, and takes to be this; Keras 3 fails on it, or takes another."""


def modern_compile_config(
    training_config: dict[str, Any],
    *,
    written_by: str | None,
    output_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Give what `Model.compile_from_config` of Keras 3 takes.

    Args:
        training_config: the attribute of that name of an H5 file, or the `compile_config` of a
            `.keras` file. It is not changed.
        written_by: as in `modern`.
        output_names: the model's; metrics of several outputs are told apart by them.

    Raises:
        NotRestorable, Damaged: as `modern`.
    """
    from bundlekit_keras.legacy.migration import migrate

    if not isinstance(training_config, dict):
        raise refusing.malformed(Place(None, ""), "compile config", training_config, "an object")
    era = era_of(training_config, written_by)
    holder = [arguments(copied(training_config), era, output_names)]
    migrate(holder, 0, None, era, keras=True)
    return holder[0]


def arguments(config: dict[str, Any], era: Era, output_names: Sequence[str]) -> dict[str, Any]:
    """Give the arguments by their names today; what is in them is not yet migrated."""
    given = dict(config)
    if "optimizer_config" in given:
        given["optimizer"] = given.pop("optimizer_config")
    if not era.keras_2:
        return given
    for key, value in _NEVER_NONE.items():
        if given.get(key) is None:
            given[key] = value
    for key in ("metrics", "weighted_metrics"):
        given[key] = _metrics(given.get(key), output_names)
    return given


def names_of_outputs(config: dict[str, Any]) -> list[str]:
    """Give the names of the layers that a Functional model's outputs come from, in order."""
    found: list[str] = []
    pending: list[Any] = [config.get("output_layers")]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value[key] for key in sorted(value, reverse=True))
        elif isinstance(value, list) and value and isinstance(value[0], str):
            found.append(value[0])
        elif isinstance(value, list):
            pending.extend(reversed(value))
    return found


def _metrics(given: Any, output_names: Sequence[str]) -> Any:
    """Give metrics as one list for each output, or as one for the only output.

    Keras 2 took a flat list for every output, and wrote the name of the output into the names of
    the metrics.
    """
    several = len(output_names) > 1
    if isinstance(given, dict) and several:
        for output, metrics in given.items():
            for metric in metrics if isinstance(metrics, list) else [metrics]:
                _without_prefix(metric, f"{output}_")
    if not isinstance(given, list):
        return given
    if not any(isinstance(one, list) for one in given):
        flat = [one for one in given if one is not None]
        same = several and len(flat) == len(given) and bool(flat)
        return [copied(flat) for _ in output_names] if same else given
    for index, metrics in enumerate(given):
        if isinstance(metrics, list):
            kept = [one for one in metrics if one is not None]
            given[index] = kept or None
            if several and index < len(output_names):
                for metric in kept:
                    _without_prefix(metric, f"{output_names[index]}_")
    if len(given) == 1 and isinstance(given[0], list):
        return given[0]
    return given


def _without_prefix(metric: Any, prefix: str) -> None:
    inner = metric.get("config") if isinstance(metric, dict) else None
    if isinstance(inner, dict) and isinstance(inner.get("name"), str):
        inner["name"] = inner["name"].removeprefix(prefix)
