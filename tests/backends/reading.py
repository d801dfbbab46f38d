"""Restore what all backends wrote under one: `python -m tests.backends.reading FOLDER KIND…`.

First everything is restored, with nothing in between, so that it can be told what restoring
imports; then everything is compared with what its writer saw.
"""

from __future__ import annotations

import importlib
import pickle
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

import bundlekit
from tests.backends import cell, judging, seeing
from tests.backends.backends import BACKENDS, imported
from tests.backends.cell import Cell
from tests.backends.kinds.listing import kinds

if TYPE_CHECKING:
    from tests.backends.kinds.kind import Kind

HERE = keras.backend.backend()
_STEP = 10
"""How many times further than predictions the losses of the next step may be apart."""


def restore(kind: Kind, bundle: Path) -> tuple[Any, list[str], float]:
    """Restore one model, or give its error; say which backends that imported, and its seconds."""
    started, before = time.process_time(), imported()
    own = importlib.import_module("tests.backends.own")
    given = {name: getattr(own, name) for name in kind.custom_objects}
    try:
        model = bundlekit.load(bundle, custom_objects=given, trust=kind.trust)
    except bundlekit.BundleError as error:
        model = error
    except Exception:
        model = traceback.format_exc()
    others = imported() - before - ({"tensorflow"} if kind.tensorflow else set())
    return model, sorted(others), time.process_time() - started


def judge(kind: Kind, writer: str, model: Any, seen_by_writer: Path) -> dict[str, Any]:
    """Compare a restored model with what its writer saw of the original.

    Where the backend cannot have such a model, it may be refused, or come back exactly and not
    work; where it can, it has to work.
    """
    reason = kind.unable.get(HERE, "")
    if isinstance(model, bundlekit.BundleError):
        said = f"{type(model).__name__}: {model}"
        return {"reason": f"{reason}: refused with {said}"} if reason else {"faults": [said]}
    if isinstance(model, str):
        return {"reason": reason, "faults": [model]}
    try:
        inputs, targets, expected = pickle.loads(seen_by_writer.read_bytes())
        before = {place: value for place, value in expected.items() if _is_state(place)}
        faults = judging.different(before, seeing.state(model), same_backend=writer == HERE)
        if reason:
            return {"reason": reason, "faults": faults}
        predicted = seeing.prediction(model, inputs)
        apart = judging.distance(judging.only(expected, "prediction"), predicted)
        allowed = 0.0 if writer == HERE else kind.tolerance
        if not apart <= allowed:
            faults.append(f"predictions are {apart:.1e} apart; {allowed:.0e} is allowed")
        if model.compiled:
            faults += _step(kind, writer, model, inputs, targets, expected)
    except Exception:
        return {"faults": [traceback.format_exc()]}
    return {"faults": faults, "apart": apart, "reason": kind.untrained.get(HERE, "")}


def _step(
    kind: Kind, writer: str, model: Any, inputs: Any, targets: Any, expected: seeing.Seen
) -> list[str]:
    """Train one step: the writer's own next one, to the bit where the backend is the same."""
    if HERE in kind.untrained:
        return []
    iterations = int(model.optimizer.iterations)
    after = seeing.next_step(model, inputs, targets)
    faults = []
    if int(model.optimizer.iterations) != iterations + 1:
        faults.append(f"{int(model.optimizer.iterations)} iterations follow {iterations}")
    faults += [f"{place} is not finite" for place, value in after.items() if not _finite(value)]
    if writer == HERE:
        faults += judging.different(judging.only(expected, "next step"), after, same_backend=True)
    elif writer not in kind.untrained and not any("seed_generator" in one for one in expected):
        losses = (judging.only(seen, "next step/loss") for seen in (expected, after))
        if (apart := judging.distance(*losses)) > _STEP * kind.tolerance:
            faults.append(f"the losses of the next step are {apart:.1e} apart")
    return faults


def _finite(value: Any) -> bool:
    return bool(np.isfinite(value.astype("float64")).all())


def _is_state(place: str) -> bool:
    return not place.startswith(("prediction", "next step"))


def main(root: Path, names: list[str]) -> None:
    found = [
        (kinds()[name], writer, root / writer / f"{name}.bundle")
        # Those that Keras imports TensorFlow for come last, so that it shows if others do.
        for name in sorted(names, key=lambda name: bool(kinds()[name].tensorflow))
        for writer in BACKENDS
        if (root / writer / f"{name}.seen").exists()
    ]
    restored = [restore(kind, bundle) for kind, _, bundle in found]
    for (kind, writer, bundle), (model, others, seconds) in zip(found, restored, strict=True):
        started = time.process_time()
        compiles = bool(getattr(model, "jit_compile", False))
        judged = judge(kind, writer, model, bundle.with_suffix(".seen"))
        seconds += time.process_time() - started
        one = Cell(
            kind=kind.name,
            writer=writer,
            reader=HERE,
            imported=others,
            seconds=seconds,
            compiles=compiles,
            **judged,
        )
        cell.append(root / f"{HERE}.read", one)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
