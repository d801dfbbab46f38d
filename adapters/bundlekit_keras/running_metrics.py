"""Running metrics: what the metrics of a model have added up, which no file of Keras' own holds.

Metrics that a model was compiled with are made at the first batch, for the shapes of what it
predicts and of what that is compared with: `accuracy` is one of three. To restore what they have
added up they are made anew, for shapes that give the same metrics.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from bundlekit_keras import account, buffers, internals
from bundlekit_keras.framework import require_keras
from bundlekit_keras.undisturbed import undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bundlekit.adapter import Signature
    from bundlekit_keras.account import Account

_MAX_TRIED = 64
"""Ways to compare the outputs. Six outputs, each with two."""


def kept(found: Account, signature: Signature | None) -> frozenset[str]:
    """Give the paths of what metrics have added up and can be restored."""
    own = {path: one for path, one in found.entries.items() if one.kind == "metric"}
    if not any(buffers.view(one.variable).any() for one in own.values()):
        return frozenset()
    left_out = _roots_left_out(found, signature)
    return frozenset(path for path in own if _root(path) not in left_out)


def losses(found: Account, signature: Signature | None) -> list[str]:
    """Say of what metrics have added up why it is not kept."""
    reasons = {
        internals.COMPILED_LOSS: "Keras makes those of the losses of single outputs at the first "
        "batch, by what it is given there",
        internals.COMPILED_METRICS: "the model does not tell the shapes of its outputs, which "
        "metrics are made for",
    }
    added = {
        _root(path)
        for path, one in found.entries.items()
        if one.kind == "metric" and buffers.view(one.variable).any()
    }
    if _is_stale(found):
        added.discard(internals.COMPILED_METRICS)
    return [reasons[root] for root in sorted(added & _roots_left_out(found, signature))]


def kinds(found: Account, signature: Signature | None) -> dict[str, str]:
    """Tell what each metric that is kept measures, by place."""
    left_out = _roots_left_out(found, signature)
    return {
        place: _kind(metric)
        for place, metric in found.metrics.items()
        if _root(place) not in left_out
    }


def _roots_left_out(found: Account, signature: Signature | None) -> set[str]:
    known = _outputs(found.owners.get(""), signature) is not None
    if known and internals.makes_metrics() and not _is_stale(found):
        return {internals.COMPILED_LOSS}
    return {internals.COMPILED_LOSS, internals.COMPILED_METRICS}


def make(model: Any, wanted: Mapping[str, str], signature: Signature | None) -> None:
    """Let a compiled model make its metrics, as its first batch would.

    Args:
        model: the compiled model.
        wanted: what each has to measure, by place; where they would measure something else, they
            are not made.
        signature: of the model, for what it predicts.
    """
    made = _made(wanted)
    outputs = _outputs(model, signature) if made else None
    for targets in _targets(outputs) if outputs is not None else ():
        with suppress(Exception), undisturbed():  # the user's own metrics may want other targets
            tried = internals.tried_metrics(model, targets, outputs)
            if _kinds({internals.COMPILED_METRICS: tried}) == made:
                internals.make_metrics(model, targets, outputs)
                return


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


def _outputs(model: Any, signature: Signature | None) -> Any:
    """Give what a model predicts, as symbols; `None` where it does not tell."""
    keras = require_keras()
    try:
        outputs = model.outputs[0] if isinstance(model, keras.Sequential) else model.output
    except (AttributeError, ValueError, TypeError, IndexError):
        if signature is None or len(signature.outputs) != 1:
            return None
        with undisturbed():
            only = signature.outputs[0]
            outputs = keras.KerasTensor(only.shape, only.dtype)
    flat = keras.tree.flatten(outputs)
    if isinstance(outputs, list | tuple) and len(flat) == 1:
        outputs = flat[0]
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


def _is_stale(found: Account) -> bool:
    """Whether a model was compiled again without metrics: Keras keeps those that it had."""
    model: Any = found.owners.get("")
    has_metrics = any(_root(place) == internals.COMPILED_METRICS for place in found.metrics)
    if not has_metrics or not getattr(model, "compiled", False):
        return False
    config: dict[str, Any] = {}
    with internals.tolerating_lambdas(), suppress(Exception):  # what was given may be no config
        config = model.get_compile_config() or {}
    return all(config.get(key, ()) is None for key in ("metrics", "weighted_metrics"))


def _kind(metric: Any) -> str:
    """Name a metric by its class, and the function that it wraps."""
    function = getattr(metric, "_fn", None)
    return f"{type(metric).__name__} {getattr(function, '__name__', '')}".rstrip()
