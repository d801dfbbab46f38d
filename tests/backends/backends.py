"""Which backends and kinds are tested: those that are installed, or that the environment names."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from tests.backends.kinds import listing

BACKENDS = ("jax", "tensorflow", "torch")
"""In the order in which they are started: the slowest first."""


def imported() -> set[str]:
    """Give the backends that this process has imported."""
    return set(BACKENDS) & set(sys.modules)


def chosen_backends() -> list[str]:
    """Give the installed backends; `BUNDLEKIT_TEST_BACKENDS="jax torch"` narrows them."""
    wanted = os.environ.get("BUNDLEKIT_TEST_BACKENDS", "").split() or BACKENDS
    unknown = sorted(set(wanted) - set(BACKENDS))
    assert not unknown, f"BUNDLEKIT_TEST_BACKENDS names {unknown}; there are {BACKENDS}"
    return [name for name in BACKENDS if name in wanted and find_spec(name)]


def chosen_kinds() -> list[str]:
    """Give the names of all kinds; `BUNDLEKIT_TEST_KINDS="lstm dropout"` narrows them."""
    names = listing.names()
    wanted = os.environ.get("BUNDLEKIT_TEST_KINDS", "").split() or names
    unknown = sorted(set(wanted) - set(names))
    assert not unknown, f"BUNDLEKIT_TEST_KINDS names {unknown}; the kinds are {names}"
    return [name for name in names if name in wanted]
