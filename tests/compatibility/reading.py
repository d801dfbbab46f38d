"""The second process: reads what it is told to, and says after each file what became of it.

python -m tests.compatibility.reading ROOT SCRIPT BUNDLES|stock eager|graph KEY...

Its standard output is one line of JSON for each file; whatever else is printed is an error output.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # as the writers; it adds in another order

import bundlekit
from tests.compatibility.building import Models
from tests.compatibility.checks import Wrong, check
from tests.compatibility.files import Recorded
from tests.compatibility.readers import Bundlekit, Reader, Stock
from tests.compatibility.results import ERROR, REFUSED, WRONG, Result, reason_of


def result_of(file: Recorded, reader: Reader, models: Models, *, eager: bool = True) -> Result:
    """Read and check one file, whatever happens.

    What is not the same op by op is tried again compiled, which is what the writers did, and is
    not always the same in Keras (3.9: a Discretization that takes fractions for integers).
    """
    found = _result(file, reader, models, eager)
    if eager and found.outcome in (WRONG, ERROR):
        return _result(file, reader, models, eager=False)
    return found


def _result(file: Recorded, reader: Reader, models: Models, eager: bool) -> Result:
    import keras

    keras.utils.clear_session(free_memory=False)  # names start anew, as in a fresh process
    try:
        return check(file, reader, models, eager=eager)
    except Wrong as error:
        return Result(WRONG, str(error))
    except bundlekit.BundleError as error:
        return Result(REFUSED, reason_of(error, file.folder))
    except Exception as error:
        return Result(ERROR, reason_of(error, file.folder))


def main() -> None:
    root, script, how, mode, *keys = sys.argv[1:]
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    models = Models(Path(script))
    reader: Reader = Stock() if how == "stock" else Bundlekit(Path(how))
    for key in keys:
        file = Recorded(Path(root), *key.split("/"))
        result = result_of(file, reader, models, eager=mode == "eager")
        out.write(json.dumps([key, str(result)]) + "\n")


if __name__ == "__main__":
    main()
