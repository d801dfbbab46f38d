"""Running metrics: what the metrics of a model have added up, which no file of Keras' own holds.

Metrics that a model was compiled with are made at the first batch, for the shapes of what it
predicts and of what that is compared with: `accuracy` is one of three. To restore what they have
added up they are made anew, for shapes that give the same metrics.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from bundlekit_keras import account, internals
from bundlekit_keras.account import account_of
from bundlekit_keras.framework import require_keras
from bundlekit_keras.undisturbed import undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bundlekit_keras.account import Account

_MAX_TRIED = 64
"""Ways to compare the outputs. Six outputs, each with two."""


def are_kept(found: Account) -> bool:
    """Tell whether metrics have added anything up, and can be made again."""
    own = [entry for entry in found.entries.values() if entry.kind == "metric"]
    return any(entry.read().any() for entry in own) and not lost(found)


def lost(found: Account) -> bool:
    """Tell whether metrics have added up what cannot be restored."""
    model = found.owners.get("")
    added = any(entry.read().any() for entry in _compiled(found).values())
    return added and (_outputs(model) is None or not internals.makes_metrics())


def kinds(found: Account) -> dict[str, str]:
    """Tell what each metric measures, by place."""
    return {place: _kind(metric) for place, metric in found.metrics.items()}


def make(model: Any, wanted: Mapping[str, str]) -> frozenset[str]:
    """Let a compiled model make its metrics, as its first batch would.

    Args:
        model: the compiled model.
        wanted: what each has to measure, by place.

    Returns:
        The places of those that the model has now.
    """
    outputs = _outputs(model)
    for targets in _targets(outputs) if outputs is not None else ():
        with suppress(Exception), undisturbed():  # the user's own metrics may want other targets
            tried = internals.tried_metrics(model, targets, outputs)
            if tried is None or _kinds({internals.COMPILED_METRICS: tried}) == _made(wanted):
                internals.make_metrics(model, targets, outputs)
                break
    found = kinds(account_of(model))
    return frozenset(place for place, kind in wanted.items() if found.get(place) == kind)


def _kinds(owners: dict[str, Any]) -> dict[str, str]:
    metric = require_keras().metrics.Metric
    found = account.owners_in(owners)
    return {place: _kind(one) for place, one in found.items() if isinstance(one, metric)}


def _made(kinds: Mapping[str, str]) -> dict[str, str]:
    return {
        place: kind for place, kind in kinds.items() if _root(place) == internals.COMPILED_METRICS
    }


def _root(place: str) -> str:
    return place.partition("/")[0]


def _outputs(model: Any) -> Any:
    """Give what a model predicts, as symbols; `None` where it does not tell."""
    keras = require_keras()
    try:
        outputs = model.outputs[0] if isinstance(model, keras.Sequential) else model.output
    except (AttributeError, ValueError, TypeError, IndexError):
        return None
    flat = keras.tree.flatten(outputs)
    return outputs if flat and all(isinstance(one, keras.KerasTensor) for one in flat) else None


def _targets(outputs: Any) -> Iterator[Any]:
    """Yield what the outputs may be compared with: values of their shape, or classes."""
    keras = require_keras()
    flat = keras.tree.flatten(outputs)
    choices = itertools.product((False, True), repeat=len(flat))
    for classes in itertools.islice(choices, _MAX_TRIED):
        targets = [
            keras.KerasTensor(one.shape[:-1] if is_class else one.shape, one.dtype)
            for one, is_class in zip(flat, classes, strict=True)
        ]
        yield keras.tree.pack_sequence_as(outputs, targets)


def _compiled(found: Account) -> dict[str, Any]:
    own = (internals.COMPILED_METRICS, internals.COMPILED_LOSS)
    return {path: entry for path, entry in found.entries.items() if path.partition("/")[0] in own}


def _kind(metric: Any) -> str:
    """Name a metric by its class, and the function that it wraps."""
    function = getattr(metric, "_fn", None)
    return f"{type(metric).__name__} {getattr(function, '__name__', '')}".rstrip()
