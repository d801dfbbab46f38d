"""What Keras keeps for the whole process: counters of names, the global seed, shared objects."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit_keras.framework import require_keras
from bundlekit_keras.internals.versions import tried

if TYPE_CHECKING:
    from collections.abc import Iterator


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


@contextmanager
def sharing_objects() -> Iterator[bool]:
    """Let objects that stand in a config several times be one, as in the model that was saved.

    Yields:
        Whether they are; without these internals they come back as several.
    """
    try:
        from keras.src.saving.serialization_lib import ObjectSharingScope
    except ImportError:
        ObjectSharingScope = None  # noqa: N806
    if ObjectSharingScope is None or not tried():
        yield False
        return
    with ObjectSharingScope():
        yield True


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


@contextmanager
def seeded() -> Iterator[None]:
    """Let unseeded random operations draw from a generator of their own, which begins at 0.

    Without these internals they draw from that of the process, which does advance.
    """
    state = _global_state()
    if state is None:
        yield
        return
    before = state.get_global_attribute("global_seed_generator")
    own = require_keras().random.SeedGenerator(0)
    state.set_global_attribute("global_seed_generator", own)
    try:
        yield
    finally:
        state.set_global_attribute("global_seed_generator", before)


def _global_state() -> Any:
    if not tried():
        return None
    try:
        from keras.src.backend.common import global_state
    except ImportError:
        return None
    return global_state
