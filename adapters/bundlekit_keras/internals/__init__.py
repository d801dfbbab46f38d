"""All that touches what Keras keeps private, each with a way that does without.

A function here does what it says on the releases that it was tried on. On any other, or where a
private name is gone, it does what can be done with public means, and says what is lost.
"""

from __future__ import annotations

from bundlekit_keras.internals.attributes import set_plainly
from bundlekit_keras.internals.compiled import (
    COMPILED_LOSS,
    COMPILED_METRICS,
    make_metrics,
    makes_metrics,
    optimizer_variables,
    tried_metrics,
)
from bundlekit_keras.internals.configs import (
    importing_no_tensorflow,
    marking,
    tolerating_lambdas,
)
from bundlekit_keras.internals.initializing import Waiting, uninitialized
from bundlekit_keras.internals.questions import answered_once
from bundlekit_keras.internals.state import (
    global_seed,
    name_counters,
    seeded,
    sharing_objects,
    unchanged_names,
)
from bundlekit_keras.internals.walking import all_layers, walked

__all__ = [
    "COMPILED_LOSS",
    "COMPILED_METRICS",
    "Waiting",
    "all_layers",
    "answered_once",
    "global_seed",
    "importing_no_tensorflow",
    "make_metrics",
    "makes_metrics",
    "marking",
    "name_counters",
    "optimizer_variables",
    "seeded",
    "set_plainly",
    "sharing_objects",
    "tolerating_lambdas",
    "tried_metrics",
    "unchanged_names",
    "uninitialized",
    "walked",
]
