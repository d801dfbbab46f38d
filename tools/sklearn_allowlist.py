"""Write the allowlist of what an estimator is made of, `adapters/bundlekit_sklearn/allowlist.txt`.

    python tools/sklearn_allowlist.py            # every minor, each in an environment of its own
    python tools/sklearn_allowlist.py --check    # the installed releases against the data

The whole rule is in this file. A skeleton names classes and functions as `module:name`. Those
that are listed are used without trust:

* classes that scikit-learn's own modules define, private ones too, since fitted estimators are
  made of them; but for modules that load files or data sets, run programs, or test;
* functions of scikit-learn that compute: scores, metrics, kernels, tests of features;
* numpy's and scipy's universal functions and types of numbers, and their arrays;
* what Keras' wrappers for scikit-learn leave in a fitted estimator;
* functions and splines that fitted estimators keep: of k-means, of histogram gradient boosting;
* the estimators of XGBoost and LightGBM, whose models are parts of their own.

None of them is called with anything of the artifact's but to construct it.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MINORS = ("1.5", "1.6", "1.7", "1.8", "1.9")
"""The minors of scikit-learn that the data are made for."""

DATA = Path(__file__).parents[1] / "adapters" / "bundlekit_sklearn" / "allowlist.txt"
_HEAD = (
    "# What an estimator may be made of: module:name.\n"
    "# Written by tools/sklearn_allowlist.py, which holds the rule. Do not edit.\n"
)
_PYTHON = "3.11"  # every minor runs on it
_LEFT_OUT = (
    "sklearn.conftest",
    "sklearn.datasets",
    "sklearn.externals",
    "sklearn.inspection._plot",
    "sklearn.utils._testing",
    "sklearn.utils._test_common",
    "sklearn.utils.estimator_checks",
    "sklearn._build_utils",
)
_FUNCTIONS = (
    "sklearn.feature_selection",
    "sklearn.metrics",
    "sklearn.metrics.pairwise",
    "sklearn.preprocessing",
)
_PLAIN = (
    "builtins:bool", "builtins:bytearray", "builtins:bytes", "builtins:complex",
    "builtins:dict", "builtins:float", "builtins:frozenset", "builtins:int", "builtins:list",
    "builtins:range", "builtins:set", "builtins:slice", "builtins:str", "builtins:tuple",
    "collections:OrderedDict", "collections:defaultdict", "datetime:date", "datetime:datetime",
    "datetime:timedelta", "datetime:timezone", "decimal:Decimal", "functools:partial",
    "numpy.ma:MaskedArray", "numpy.ma.core:MaskedArray", "numpy.random._generator:Generator",
    "numpy.random.mtrand:RandomState", "numpy:dtype", "numpy:ndarray", "operator:attrgetter",
    "operator:itemgetter", "zoneinfo:ZoneInfo",
)  # fmt: skip
_OTHERS = (
    *(f"keras.src.wrappers.sklearn_wrapper:SKLearn{kind}"
      for kind in ("Classifier", "Regressor", "Transformer")),
    "keras.src.wrappers.utils:TargetReshaper",
    *(f"keras.src.ops.numpy:{kind}" for kind in ("greater", "less")),  # of EarlyStopping
    "keras.src.callbacks.callback:Callback",
    "keras.src.callbacks.early_stopping:EarlyStopping",
    "keras.src.callbacks.history:History",
    "keras.src.callbacks.learning_rate_scheduler:LearningRateScheduler",
    "keras.src.callbacks.reduce_lr_on_plateau:ReduceLROnPlateau",
    "keras.src.callbacks.terminate_on_nan:TerminateOnNaN",
    *(f"xgboost.sklearn:XGB{kind}"
      for kind in ("Classifier", "RFClassifier", "RFRegressor", "Ranker", "Regressor")),
    *(f"lightgbm.sklearn:LGBM{kind}" for kind in ("Classifier", "Ranker", "Regressor")),
    "lightgbm.sklearn:_LGBMLabelEncoder",
    "scipy._lib.array_api_compat.numpy._aliases:asarray",
    "scipy.interpolate._bsplines:BSpline",
    *(f"sklearn.cluster._kmeans:_kmeans_single_{kind}" for kind in ("elkan", "lloyd")),
    "sklearn.utils.validation:check_array",
    "sklearn.preprocessing._label:LabelEncoder",
)  # fmt: skip


def found() -> set[str]:
    """Give what the installed releases of scikit-learn, scipy and numpy have."""
    import numpy as np
    import scipy.sparse
    import scipy.special
    from skops.io._utils import get_module

    names = {*_PLAIN, *_OTHERS}
    for module in (np, scipy.special):
        functions: Any = (getattr(module, name) for name in dir(module))
        names |= {
            f"{get_module(one)}:{one.__name__}"
            for one in functions
            if type(one).__name__ in ("ufunc", "_ArrayFunctionDispatcher") and _computes(one)
        }
    names |= {f"numpy:{kind.__name__}" for kind in np.sctypeDict.values()}
    names |= {
        f"{one.__module__}:{one.__name__}"
        for one in vars(scipy.sparse).values()
        if isinstance(one, type) and hasattr(one, "tocsr")
    }
    for module in _modules():
        names |= {
            f"{cls.__module__}:{cls.__name__}"
            for cls in vars(module).values()
            if isinstance(cls, type)
            and cls.__module__ == module.__name__
            and not issubclass(cls, BaseException)
        }
    for name in _FUNCTIONS:
        module = importlib.import_module(name)
        names |= {
            f"{one.__module__}:{one.__name__}"
            for one in (getattr(module, public) for public in dir(module))
            if inspect.isfunction(one) and one.__module__.startswith(_FUNCTIONS)
        }
    return names


def _computes(function: Any) -> bool:
    """Tell what only computes from what reads, writes and looks for files in numpy's functions."""
    name = getattr(function, "__name__", "")
    return type(function).__name__ == "ufunc" or name in (
        "all", "any", "argmax", "argmin", "amax", "amin", "average", "clip", "cumsum", "diff",
        "mean", "median", "max", "min", "nan_to_num", "nanmax", "nanmean", "nanmedian", "nanmin",
        "nansum", "percentile", "prod", "quantile", "ravel", "reshape", "round", "squeeze", "std",
        "sum", "transpose", "unique", "var",
    )  # fmt: skip


def _modules() -> Iterator[Any]:
    import sklearn

    for found in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
        parts = found.name.split(".")
        if "tests" in parts or any((found.name + ".").startswith(f"{n}.") for n in _LEFT_OUT):
            continue
        try:
            yield importlib.import_module(found.name)
        except Exception as error:
            print(f"{found.name}: {error}", file=sys.stderr)


def main() -> None:
    """Write the data, or compare them with what is installed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    if asked.here:
        print("\n".join(sorted(found())))
    elif asked.check:
        missing = found() - set(DATA.read_text(encoding="utf-8").splitlines())
        if missing:
            sys.exit(f"not in {DATA.name}: {', '.join(sorted(missing))}")
    else:
        names: set[str] = set()
        for minor in MINORS:
            with_ = ("--with", f"scikit-learn=={minor}.*", "--with", "skops")
            command = ["uv", "run", "--no-project", "--python", _PYTHON, *with_, "python"]
            done = subprocess.run(  # noqa: S603 - this very file
                [*command, __file__, "--here"],
                check=True,
                stdout=subprocess.PIPE,
                env={**os.environ, "VIRTUAL_ENV": ""},
            )
            here = set(done.stdout.decode().split())
            print(f"scikit-learn {minor}: {len(here)} names, {len(here - names)} new")
            names |= here
        DATA.write_text(_HEAD + "\n".join(sorted(names)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
