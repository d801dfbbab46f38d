"""The only module that touches what Keras keeps private, with a way that does without.

Each function names the versions it was tried on; on any other, or where a private name is
gone, it does what can be done with public means and says what is lost.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit_keras.framework import minor_version, require_keras

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIED = ((3, 6), (3, 15))
"""The oldest and the newest Keras minor that these internals were tried on."""


@contextmanager
def unchanged_names() -> Iterator[None]:
    """Leave the counters of automatic names as they are.

    Keras builds layers of its own while it saves, so that the user's next unnamed `Layer`
    would be called `layer_7`. Without these internals the counters do advance; nothing else
    depends on them.
    """
    state = _global_state()
    if state is None:
        yield
        return
    counters = state.get_global_attribute("object_name_uids")
    before = None if counters is None else counters.copy()
    try:
        yield
    finally:
        state.set_global_attribute("object_name_uids", before)


def optimizer_variables(optimizer: Any) -> list[Any] | None:
    """Give the variables that an optimizer was built for, in order; `None` where it cannot be seen.

    Keras builds the optimizer of a loaded model for the variables that are trainable then.
    """
    if not TRIED[0] <= _version() <= TRIED[1]:
        return None
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    found = getattr(inner, "_trainable_variables", None)
    return None if found is None else list(found)


def name_counters() -> dict[str, int] | None:
    """Give a copy of the counters of automatic names; `None` where they cannot be seen."""
    state = _global_state()
    return None if state is None else dict(state.get_global_attribute("object_name_uids") or {})


def global_seed() -> Any:
    """Give the state of the generator behind unseeded random operations, an array.

    `None` where it has not been made yet or cannot be seen.
    """
    state = _global_state()
    generator = state and state.get_global_attribute("global_seed_generator")
    return None if generator is None else require_keras().ops.convert_to_numpy(generator.state)


def _global_state() -> Any:
    if not TRIED[0] <= _version() <= TRIED[1]:
        return None
    try:
        from keras.src.backend.common import global_state
    except ImportError:
        return None
    return global_state


def _version() -> tuple[int, ...]:
    return minor_version(require_keras())
