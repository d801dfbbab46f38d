"""Make, train and bundle models under one backend: `python -m tests.backends.writing FOLDER KIND…`.

Beside each bundle is a pickle of what a reader should find.
"""

from __future__ import annotations

import pickle
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import keras

import bundlekit
from tests.backends import cell, seeing
from tests.backends.backends import imported
from tests.backends.cell import Cell
from tests.backends.kinds.listing import kinds

if TYPE_CHECKING:
    from tests.backends.kinds.kind import Kind


def write(kind: Kind, backend: str, folder: Path) -> Cell:
    """Bundle one model, and see what it does next."""
    blank = Cell(kind=kind.name, writer=backend, reader=backend)
    if reason := kind.unable.get(backend):
        return replace(blank, reason=reason)
    started = time.process_time()
    seeing.start_anew()
    try:
        model, inputs, targets = kind.make()
        before = imported()
        bundlekit.dump(model, folder / f"{kind.name}.bundle")
        needless = sorted(imported() - before)
        seen = {**seeing.state(model), **seeing.prediction(model, inputs)}
        if model.compiled and backend not in kind.untrained:
            seen |= seeing.next_step(model, inputs, targets)
        inputs, targets = keras.tree.map_structure(_plain, (inputs, targets))
        (folder / f"{kind.name}.seen").write_bytes(pickle.dumps((inputs, targets, seen)))
    except Exception:
        return replace(blank, faults=[traceback.format_exc()])
    return replace(blank, seconds=time.process_time() - started, imported=needless)


def _plain(value: object) -> object:
    return keras.ops.convert_to_numpy(value) if keras.ops.is_tensor(value) else value


def main(root: Path, names: list[str]) -> None:
    backend = keras.backend.backend()
    folder = root / backend
    folder.mkdir()
    for name in names:
        cell.append(root / f"{backend}.written", write(kinds()[name], backend, folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
