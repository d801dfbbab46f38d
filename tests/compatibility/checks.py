"""What has to be true of what was read; each check raises `Wrong` where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.compatibility.files import HOLDS_OPTIMIZER, WEIGHTS, WHOLE, weights_beside
from tests.compatibility.measured import (
    Batch,
    is_compiled,
    iterations,
    lost_slots,
    recorded_iterations,
)
from tests.compatibility.results import OK, RESET, Result, reason_of

if TYPE_CHECKING:
    from tests.compatibility.building import Models
    from tests.compatibility.files import Recorded
    from tests.compatibility.measured import Arrays
    from tests.compatibility.readers import Reader

TOLERANCE = 1e-5
"""Relative and absolute, in float32: two releases add in different orders."""


class Wrong(AssertionError):
    """What was read is not what was written."""


class OptimizerReset(Wrong):
    """The model is the same, and its optimizer starts anew, or goes on in another way."""


def check(file: Recorded, reader: Reader, models: Models, *, eager: bool = True) -> Result:
    """Read one file and compare all that the writer recorded of it.

    Args:
        file: the file.
        reader: who reads it.
        models: the code that made the models.
        eager: run models op by op, which is three times as fast as to compile each.

    Raises:
        Wrong: naming the first thing that is not the same.
        Exception: whatever the reader raises.
    """
    objects = {name: models.objects[name] for name in file.meta["custom_objects"]}
    try:
        if file.format in WHOLE:
            _whole(file, _set(reader.whole(file, objects), eager))
        elif file.format in WEIGHTS:
            _weights(file, reader, _set(models.fresh(file.model), eager))
        elif file.format == "json":
            model = _set(reader.architecture(file, objects), eager)
            _architecture(file, model, _trained(file, reader, models, eager))
        else:
            batch = Batch(file)
            _same("outputs", batch.inferred_by(reader.inference(file)), batch.out, file)
    except OptimizerReset as error:
        declared = [loss for loss in reader.declared(file) if "optimizer" in loss.lower()]
        if not declared:
            raise
        return Result(RESET, f"{error}; declared: {'; '.join(declared)}")
    return Result(OK)


def _set(model: Any, eager: bool) -> Any:
    model.run_eagerly = eager
    return model


def _whole(file: Recorded, model: Any) -> None:
    batch = Batch(file)
    _same("outputs", batch.predicted_by(model), batch.out, file)
    if not is_compiled(model):
        raise Wrong("the model is not compiled")
    _resumes(file, model, batch)


def _weights(file: Recorded, reader: Reader, model: Any) -> None:
    batch = Batch(file)
    if _different(batch.called(model), batch.out, TOLERANCE) is None:
        raise Wrong("a fresh model gives the recorded outputs already, so this would prove nothing")
    reader.weights(file, model)
    _same("outputs", batch.predicted_by(model), batch.out, file)
    if file.format in HOLDS_OPTIMIZER or iterations(model):
        _resumes(file, model, batch)


def _architecture(file: Recorded, model: Any, trained: Any) -> None:
    batch = Batch(file)
    _give_state(trained, model)
    if _different(batch.called(model), batch.out, TOLERANCE) is None:
        raise Wrong("the model has the recorded outputs before it has the weights")
    found, expected = ([(w.name, tuple(w.shape)) for w in m.weights] for m in (model, trained))
    if found != expected:
        raise Wrong(f"the weights are {found}, expected {expected}")
    model.set_weights(trained.get_weights())
    _give_state(trained, model)
    _same("outputs", batch.predicted_by(model), batch.out, file)


def _trained(file: Recorded, reader: Reader, models: Models, eager: bool) -> Any:
    """Give a model of the generator's code with the writer's weights, from a file beside."""
    batch = Batch(file)
    faults = []
    for beside in weights_beside(file):
        model = _set(models.fresh(file.model), eager)
        try:
            reader.weights(beside, model)
            _same("outputs", batch.predicted_by(model), batch.out, file)
        except Exception as error:  # whatever a reader raises; the next file may do
            faults.append(f"{beside.format}: {reason_of(error)}")
        else:
            return model
    raise Wrong(f"there are no weights to try the model with: {'; '.join(faults)}")


def _give_state(old: Any, new: Any) -> None:
    """Hand over what is state and no weight: tables of lookups, what is derived from weights."""
    for one, other in zip(getattr(old, "layers", ()), getattr(new, "layers", ()), strict=True):
        if hasattr(other, "set_vocabulary"):
            other.set_vocabulary(one.get_vocabulary(include_special_tokens=False))
        elif hasattr(other, "bin_boundaries"):
            other.bin_boundaries = one.bin_boundaries
        elif hasattr(other, "finalize_state"):
            other.finalize_state()
        _give_state(one, other)


def _resumes(file: Recorded, model: Any, batch: Batch) -> None:
    """Check the optimizer's state, and that the next step is the writer's next step."""
    meta = file.meta
    found, expected = iterations(model), recorded_iterations(meta)
    lost = lost_slots(meta["optimizer_variables"], model)
    step = batch.step(model)
    following = meta["next_step"]
    if following:
        _near("the loss of the next step", step, following["fit_loss"], file)
    if found != expected:
        raise OptimizerReset(f"the optimizer is at step {found}, expected {expected}")
    if lost:
        raise OptimizerReset(f"the optimizer lost {', '.join(lost)}")
    if following:
        how = _different(batch.predicted_by(model), batch.after, _tolerance(file))
        if how:
            raise OptimizerReset(f"outputs after the next step: {how}")
        evaluated = batch.evaluated(model)
        for name, value in following["evaluate_after"].items():
            if name.endswith("_loss"):
                continue  # one output's part of the loss, which some releases report weighted
            if name.lower() not in evaluated:
                raise Wrong(f"evaluate gives no {name!r}, only {sorted(evaluated)}")
            _near(f"{name} after the next step", evaluated[name.lower()], value, file)


def _tolerance(file: Recorded) -> float:
    return float(file.meta.get("tolerance", TOLERANCE))


def _same(what: str, found: Arrays, expected: Arrays, file: Recorded) -> None:
    how = _different(found, expected, _tolerance(file))
    if how:
        raise Wrong(f"{what}: {how}")


def _near(what: str, found: float, expected: float, file: Recorded) -> None:
    tolerance = _tolerance(file)
    if not np.isclose(found, expected, rtol=tolerance, atol=tolerance):
        raise Wrong(f"{what}: found {found:.6g}, expected {expected:.6g}")


def _different(found: Arrays, expected: Arrays, tolerance: float) -> str | None:
    for name, right in expected.items():
        array = found[name]
        if array.shape != right.shape:
            return f"{name} has the shape {array.shape}, expected {right.shape}"
        if not np.allclose(array, right, rtol=tolerance, atol=tolerance):
            return f"{name} differs by up to {np.abs(array - right).max():.2g}"
    return None
