"""Write the allowlist of Keras' modelling symbols, `adapters/bundlekit_keras/allowlist.txt`.

    python tools/keras_allowlist.py            # every minor, each in an environment of its own
    python tools/keras_allowlist.py --check    # the installed Keras against the checked-in data

The whole rule is in this file. A config names a class or a function by module and name, and an
honest one holds two sorts of names:

* the canonical one of an exported symbol, the first it is exported under (`keras.layers.Dense`);
* the path at which a class that is not exported is defined (`keras.src.ops.numpy.GetItem`). Keras
  loads it if it is a `KerasSaveable`; of these, operations (so layers and models too), losses and
  metrics are ever written into a config.

What is not listed here is refused, a namespace that a later Keras adds as well. Read through the
rule again, and through `_REFUSED`, before a minor is added to `MINORS`.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MINORS = tuple((3, minor) for minor in range(6, 16))
"""The minors that the data are made for, the newest patch of each."""

DATA = Path(__file__).parents[1] / "adapters" / "bundlekit_keras" / "allowlist.txt"

_PYTHON = "3.11"  # every minor runs on it

_CLASSES_AND_FUNCTIONS = frozenset(
    f"keras.{name}"
    for name in (
        "activations",
        "constraints",
        "initializers",
        "losses",
        "metrics",
        "ops",
        "ops.image",
        "random",
        "regularizers",
    )
)
_CLASSES_ONLY = frozenset(
    f"keras.{name}"
    for name in (
        "distillation",
        "dtype_policies",
        "layers",
        "models",
        "optimizers",
        "optimizers.schedules",
        "quantizers",
    )
)
_AT_THE_ROOT = frozenset(
    f"keras.{name}"
    for name in (
        "DTypePolicy",
        "FloatDTypePolicy",
        "Function",
        "Initializer",
        "Layer",
        "Loss",
        "Metric",
        "Model",
        "Operation",
        "Optimizer",
        "Quantizer",
        "Regularizer",
        "Sequential",
    )
)

_DEFINED_IN = (
    "activations",
    "applications",  # layers of its own in ConvNeXt and InceptionResNetV2; the functions are out
    "constraints",
    "distillation",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "quantizers",
    "random",
    "regularizers",
)
"""The packages of `keras.src` whose classes may be allowed by the path they are defined at."""

_REFUSED = {
    "FlaxLayer": "runs functions and modules from outside of Keras",
    "IndexLookup": "opens `vocabulary` as a path; the base of StringLookup, in no config itself",
    "JaxLayer": "runs functions from outside of Keras",
    "TFSMLayer": "opens a path: a SavedModel, which is a program",
    "TorchModuleWrapper": "unpickles a torch module",
}
"""Short names that are refused under any path, with the reason.

Found by searching the modelling packages of all minors for what opens, unpickles, imports or
executes; the functions of `keras.ops` and `keras.random` do none of it. Three layers stay although
they can open a path, for honest configs hold them: `StringLookup`, `IntegerLookup` and
`TextVectorization`, if `vocabulary` is a string (Keras refuses that from 3.12 on, in safe mode).
Whoever audits a node with them looks at that argument, as at the functions of a `Lambda`.
"""


def collect() -> dict[str, str]:
    """Give every allowed symbol of the installed Keras, full name to kind.

    The same whatever the backend: nothing that a backend defines is allowed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        internal = dict(_internal())  # first: what Keras imports late is exported late
    exported = importlib.import_module("keras.src.api_export").REGISTERED_NAMES_TO_OBJS
    kinds = {name: kind for name, value in exported.items() if (kind := _exported(name, value))}
    known = set(map(id, exported.values()))
    kinds |= {name: "class" for name, value in internal.items() if id(value) not in known}
    return dict(sorted(kinds.items()))


def _exported(name: str, value: Any) -> str | None:
    namespace, short = name.rsplit(".", 1)
    if short in _REFUSED or _converts(short):
        return None
    if not isinstance(value, type):
        return "function" if callable(value) and namespace in _CLASSES_AND_FUNCTIONS else None
    modelling = namespace in _CLASSES_AND_FUNCTIONS | _CLASSES_ONLY or name in _AT_THE_ROOT
    # Keras makes an instance by `from_config` only.
    return "class" if modelling and hasattr(value, "from_config") else None


def _converts(short: str) -> bool:
    return short in {"get", "serialize", "deserialize"} or short.startswith(
        ("serialize_", "deserialize_")
    )


def _internal() -> Iterator[tuple[str, type]]:
    """Yield operations, losses and metrics by the path they are defined at."""
    keras = importlib.import_module("keras")
    # Operation became a KerasSaveable later than the other two; before, Keras asked for nothing.
    written = (keras.Operation, keras.Loss, keras.Metric)
    for name in _modules():
        for short, value in vars(importlib.import_module(name)).items():
            if (
                isinstance(value, type)
                and (value.__module__, value.__name__) == (name, short)
                and issubclass(value, written)
                and short not in _REFUSED
            ):
                yield f"{name}.{short}", value


def _modules() -> Iterator[str]:
    for package in _DEFINED_IN:
        try:
            found = importlib.import_module(f"keras.src.{package}")
        except ModuleNotFoundError:  # younger than this Keras
            continue
        yield found.__name__
        for module in pkgutil.walk_packages(found.__path__, f"{found.__name__}."):
            if not module.name.endswith("_test"):
                yield module.name


def lines(found: Mapping[tuple[int, int], Mapping[str, str]]) -> list[str]:
    """Give the data: a line for each symbol, with the ranges of minors that have it."""
    symbols = sorted({symbol for kinds in found.values() for symbol in kinds.items()})
    return [
        f"{name} {kind} {_ranges([found[minor].get(name) == kind for minor in sorted(found)])}"
        for name, kind in symbols
    ]


def _ranges(present: Sequence[bool]) -> str:
    ranges: list[list[tuple[int, int]]] = []
    for minor, before, here in zip(MINORS, [False, *present], present, strict=False):
        if here and not before:
            ranges.append([minor, minor])
        elif here:
            ranges[-1][1] = minor
    return ",".join("..".join(f"{major}.{minor}" for major, minor in pair) for pair in ranges)


def collect_elsewhere(minor: tuple[int, int]) -> dict[str, str]:
    """Collect one minor in a throw-away environment."""
    # On numpy, Keras imports the fastest; the older minors resize images with jax there.
    packages = [f"keras=={minor[0]}.{minor[1]}.*", "numpy", "jax[cpu]"]
    command = ["uv", "run", "--quiet", "--no-project", "--isolated", "--python", _PYTHON]
    for package in packages:
        command += ["--with", package]
    done = subprocess.run(  # noqa: S603
        [*command, "python", __file__, "--collect"],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "KERAS_BACKEND": "numpy"},
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def write() -> None:
    """Collect every minor and write the data file."""
    found = {}
    for minor in MINORS:
        found[minor] = collect_elsewhere(minor)
        sys.stderr.write(f"Keras {minor[0]}.{minor[1]}: {len(found[minor])} symbols\n")
    header = [
        "# Keras' modelling symbols: full name, kind, the minors that have it (both ends in).",
        "# Written by tools/keras_allowlist.py, which holds the rule. Do not edit.",
    ]
    DATA.write_text("\n".join([*header, *lines(found)]) + "\n", encoding="utf-8")


def check() -> int:
    """Compare the checked-in data with the installed Keras; print the difference."""
    from bundlekit_keras.allowlist import NEWEST, OLDEST, allowed

    version = importlib.import_module("keras").__version__
    major, minor = map(int, version.split(".")[:2])
    if not OLDEST <= (major, minor) <= NEWEST:
        sys.stderr.write(f"Keras {version} is not among the data, {OLDEST} to {NEWEST}\n")
        return 1
    data = allowed((major, minor))
    checked_in = [f"{name} class" for name in data.classes]
    checked_in += [f"{name} function" for name in data.functions]
    installed = [" ".join(symbol) for symbol in collect().items()]
    difference = list(
        difflib.unified_diff(
            sorted(checked_in), sorted(installed), "checked in", f"Keras {version}", "", "", 0, ""
        )
    )
    sys.stdout.writelines(f"{line}\n" for line in difference)
    return 1 if difference else 0


def main() -> int:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description="Write the allowlist of Keras' symbols.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="compare with the installed Keras")
    what.add_argument("--collect", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.check:
        return check()
    if arguments.collect:
        sys.stdout.write(json.dumps(collect()))
        return 0
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
