"""The test kit: prove that a model survives.

* `assert_roundtrip`: one object, bundled here and restored in a fresh interpreter.
* `fresh_process`: many objects, made in one interpreter and restored in another that never
  saw the code that made them.
* `AdapterContract`: the tests that every adapter passes, to be subclassed; it needs pytest.

The kit compares what an `Observer` sees of an object; observers are installed under the
entry-point group `bundlekit.observers`, by the name of the adapter. pytest users find the
fixtures `bundle_roundtrip` and `bundle_fresh_process` already there.

Nothing here imports a framework until an object of it is observed.
"""

from typing import TYPE_CHECKING

from bundlekit.testing.comparison import Difference, Observation, compare
from bundlekit.testing.failures import FreshProcessFailed, RoundTripFailed
from bundlekit.testing.fresh import Case, Outcome, fresh_process
from bundlekit.testing.observers import Observer
from bundlekit.testing.roundtrip import assert_roundtrip

if TYPE_CHECKING:
    from bundlekit.testing.contract import AdapterContract

__all__ = [
    "AdapterContract",
    "Case",
    "Difference",
    "FreshProcessFailed",
    "Observation",
    "Observer",
    "Outcome",
    "RoundTripFailed",
    "assert_roundtrip",
    "compare",
    "fresh_process",
]


def __getattr__(name: str) -> object:
    if name == "AdapterContract":
        from bundlekit.testing.contract import AdapterContract

        return AdapterContract
    raise AttributeError(f"module 'bundlekit.testing' has no attribute {name!r}")
