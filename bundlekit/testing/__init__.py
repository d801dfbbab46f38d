"""The test kit: prove that a model survives.

* `assert_roundtrip`: one object, bundled here and restored in a fresh interpreter.
* `fresh_process`: many objects, made in one interpreter and restored in another that never
  saw the code that made them.
* `AdapterContract`: the tests that every adapter passes, to be subclassed.

The kit compares what an `Observer` sees of an object; observers are installed under the
entry-point group `bundlekit.observers`, by the name of the adapter. pytest users find the
fixtures `bundle_roundtrip` and `bundle_fresh_process` already there.

Nothing here imports a framework until an object of it is observed.
"""

from bundlekit.testing.comparison import Difference, Observation, compare
from bundlekit.testing.contract import AdapterContract
from bundlekit.testing.fresh import Case, Outcome, fresh_process
from bundlekit.testing.observers import Observer
from bundlekit.testing.roundtrip import assert_roundtrip

__all__ = [
    "AdapterContract",
    "Case",
    "Difference",
    "Observation",
    "Observer",
    "Outcome",
    "assert_roundtrip",
    "compare",
    "fresh_process",
]
