"""What asking the user's objects must not change: names to come, random states, imports."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bundlekit_keras import internals

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def undisturbed() -> Iterator[None]:
    """Leave automatic names and the random states of Python and numpy as they are.

    And import no TensorFlow, if nobody has; see `internals.importing_no_tensorflow`.
    """
    import numpy as np

    python, numpy = random.getstate(), np.random.get_state()
    with internals.unchanged_names(), internals.importing_no_tensorflow():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
