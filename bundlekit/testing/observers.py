"""Observers: what there is to see of an object of some framework.

The kit itself knows no framework. Whoever writes an adapter also writes an observer, a class
with three methods, and names it in the entry-point group `bundlekit.observers` under the
adapter's name.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any, Protocol

from bundlekit.errors import AdapterMissing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bundlekit.testing.comparison import Observation

GROUP = "bundlekit.observers"


class Observer(Protocol):
    """Sees everything of an object that must survive. Each method leaves the object as it was."""

    def state(self, obj: Any) -> Sequence[Observation]:
        """See configuration, variables, optimizer and whatever else the object is made of."""
        ...

    def behaviour(self, obj: Any, inputs: Any, targets: Any) -> Sequence[Observation]:
        """See what the object does: predictions on `inputs`, and the next training step.

        With `targets` of `None`, an observer makes up fitting ones from the predictions.
        """
        ...

    def surroundings(self) -> Sequence[Observation]:
        """See what the process shares: registries, counters, states of random generators."""
        ...


def observer_for(adapter: str) -> Observer:
    """Find the installed observer of an adapter's objects.

    Raises:
        AdapterMissing: there is none.
    """
    for point in metadata.entry_points(group=GROUP, name=adapter):
        found: Observer = point.load()()
        return found
    raise AdapterMissing(
        f"no installed observer knows the objects of the adapter {adapter!r}; name one in the "
        f"entry-point group {GROUP!r}",
        adapter=adapter,
    )
