"""What Keras makes when a model is compiled: metrics, and the optimizer's variables."""

from __future__ import annotations

from typing import Any

from bundlekit_keras.internals.versions import tried


def optimizer_variables(optimizer: Any) -> list[Any] | None:
    """Give the variables that an optimizer was built for, in order; `None` where it cannot be seen.

    Keras builds the optimizer of a loaded model for the variables that are trainable then.
    """
    if not tried():
        return None
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    found = getattr(inner, "_trainable_variables", None)
    return None if found is None else list(found)


COMPILED_METRICS = "_compile_metrics"
COMPILED_LOSS = "_compile_loss"
"""The attributes of a model that hold what it was compiled with."""


def makes_metrics() -> bool:
    """Tell whether a model can be let make its metrics before its first batch."""
    return tried()


def tried_metrics(model: Any, targets: Any, outputs: Any) -> Any:
    """Give the metrics that a compiled model would make for symbolic targets and outputs.

    `None` where it has none to make, or Keras cannot be asked.
    """
    compiled = getattr(model, COMPILED_METRICS, None)
    if compiled is None or not makes_metrics():
        return None
    tried = type(compiled)(
        compiled._user_metrics,
        compiled._user_weighted_metrics,
        output_names=compiled.output_names,
    )
    tried.build(targets, outputs)
    return tried


def make_metrics(model: Any, targets: Any, outputs: Any) -> None:
    """Let a compiled model make its metrics for symbolic targets and outputs.

    Where this is not `makes_metrics`, it makes none: they are made at the first batch.
    """
    compiled = getattr(model, COMPILED_METRICS, None)
    if compiled is not None and not compiled.built and makes_metrics():
        compiled.build(targets, outputs)
