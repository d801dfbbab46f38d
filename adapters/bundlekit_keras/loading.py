"""Loading stored weights into a live model: all that was asked for, or nothing at all."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bundlekit.errors import IncompleteLoad, InvalidTarget, NotBuilt, NotRestorable, UnknownOption
from bundlekit.load_report import LoadReport, Weight
from bundlekit_keras import addresses, exclusive, quantiles, resuming
from bundlekit_keras.framework import innermost, require_keras
from bundlekit_keras.pairing import pairs
from bundlekit_keras.parts import drops_optimizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bundlekit_keras.addresses import Slot
    from bundlekit_keras.quantiles import Summaries
    from bundlekit_keras.stored import Stored, StoredTensor

PARTIAL = ("missing", "unexpected", "mismatched")
_ADVICE = {
    "path": "match='name' goes by names and match='order' by order",
    "name": "match='path' goes by the place in the model and match='order' by order",
    "order": "match='path' goes by the place in the model and match='name' by names",
}


def load(
    stored: Stored,
    target: Any,
    *,
    match: str = "path",
    allow_partial: object = False,
    optimizer: bool = True,
    then: Callable[[Any], None] = lambda _: None,
) -> LoadReport:
    """Load what is stored into a model; where this raises, the model is as it was.

    Args:
        stored: the weights, and the optimizer's state if there is one.
        target: a built model or layer.
        match: how arrays find their variables, see `pairing.pairs`.
        allow_partial: which faults pass: some of `missing`, `unexpected`, `mismatched`, or `True`
            for all of them.
        optimizer: whether to restore the state of a compiled target's optimizer.
        then: is given the target once its weights are loaded; they are taken back if it fails.

    Raises:
        IncompleteLoad: something was not matched and that was not allowed; or nothing was.
        NotBuilt: the target has no variables yet.
        UnknownOption: `match` or `allow_partial` is not one of its values.
        NotRestorable: the file does not tell what `match` goes by, or the target refuses.
    """
    allowed = _allowed(allow_partial)
    if not getattr(target, "built", False):
        raise NotBuilt(
            f"{getattr(target, 'name', target)!r} is not built: it has no variables to load into; "
            f"call it on data first",
            target=getattr(target, "name", None),
        )
    with exclusive.building:
        stored = _without_metrics(stored, target)
        slots, _ = addresses.slots_of(target)
        found = pairs(stored, target, slots, match)
        fitting = [(one, slot) for one, slot in found if _fits(one, slot)]
        learned = quantiles.summaries(stored, {id(one) for one, _ in found}, target)
        report = _report(stored, slots, found, fitting, learned)
        _require(report, allowed, match, target)
        state, said = resuming.state_of(stored, target, found) if optimizer else ([], "left alone")
        values = [(slot, one.read()) for one, slot in fitting] + state
        with quantiles.loaded(learned), _assigned(values):
            then(target)
    return replace(report, optimizer=said)


def compared(stored: Stored, target: Any) -> LoadReport:
    """Tell what loading a file into a model by path would do; nothing is loaded."""
    slots, _ = addresses.slots_of(target)
    found = pairs(stored, target, slots, "path")
    fitting = [(one, slot) for one, slot in found if _fits(one, slot)]
    return _report(stored, slots, found, fitting, [])


def load_into(
    stored: Stored,
    options: Mapping[str, object],
    *,
    before: Callable[[Any], None] = lambda _: None,
    after: Callable[[Any], None] = lambda _: None,
) -> LoadReport:
    """Load what is stored as the options of `unbundle` say: `into`, `match`, `allow_partial`.

    Args:
        stored: the weights.
        options: of `unbundle`.
        before: is given the target, and may refuse it.
        after: is given the target once its weights are loaded.
    """
    target = options["into"]
    if "parts" in options:
        raise UnknownOption("parts and into ask for two things; give one of them", option="parts")
    if type(target).__module__.startswith("tf_keras."):
        raise InvalidTarget(
            f"into={type(target).__name__} is of tf_keras, and weights are loaded into models of "
            f"Keras 3; without into=, `unbundle` gives the arrays by path",
            target=type(target).__name__,
        )
    if not isinstance(target, require_keras().Layer):
        raise InvalidTarget(
            f"into={type(target).__name__}: expected a model or layer of Keras to load into",
            target=type(target).__name__,
        )
    before(target)
    return load(
        stored,
        target,
        match=str(options.get("match", "path")),
        allow_partial=options.get("allow_partial", False),
        optimizer=not drops_optimizer(options),
        then=after,
    )


def require_target(options: Mapping[str, object]) -> None:
    """Refuse options that say how to load into a model, where there is none.

    Raises:
        UnknownOption: naming the option.
    """
    for option in ("match", "allow_partial"):
        if option in options and "into" not in options:
            raise UnknownOption(
                f"{option}={options[option]!r} says how weights go into a model; give into= too",
                option=option,
            )


def _allowed(value: object) -> frozenset[str]:
    if isinstance(value, bool):
        return frozenset(PARTIAL if value else ())
    named = (value,) if isinstance(value, str) else value
    if not isinstance(named, Collection) or not all(one in PARTIAL for one in named):
        raise UnknownOption(
            f"allow_partial={value!r} is not known; it is True or some of {', '.join(PARTIAL)}",
            option="allow_partial",
            found=value,
            known=PARTIAL,
        )
    return frozenset(named)


def _without_metrics(stored: Stored, target: Any) -> Stored:
    """Leave out the running metrics that a model holds as attributes, which are no weights."""
    metric = require_keras().metrics.Metric
    names = {name for name, value in vars(target).items() if isinstance(value, metric)}
    weights = tuple(one for one in stored.weights if one.path.partition("/")[0] not in names)
    return replace(stored, weights=weights)


def _fits(one: StoredTensor, slot: Slot) -> bool:
    if one.shape != slot.shape:
        return False
    if one.dtype == slot.dtype:
        return True
    # Counters are of other integer types in other releases and backends.
    integers = one.dtype.startswith(("int", "uint")) and slot.dtype.startswith(("int", "uint"))
    return integers and bool((one.read().astype(slot.dtype) == one.read()).all())


def _report(
    stored: Stored,
    slots: list[Slot],
    found: list[tuple[StoredTensor, Slot]],
    fitting: list[tuple[StoredTensor, Slot]],
    learned: Summaries,
) -> LoadReport:
    fit = {id(one) for one, _ in fitting}
    paired = {id(side) for pair in (*found, *learned) for side in pair}
    return LoadReport(
        matched=(
            *(_weight(one, slot) for one, slot in fitting),
            *(replace(_weight(one, None), variable_path=layer.name) for one, layer in learned),
        ),
        mismatched=tuple(_weight(one, slot) for one, slot in found if id(one) not in fit),
        missing=tuple(_weight(None, slot) for slot in slots if id(slot) not in paired),
        unexpected=tuple(_weight(one, None) for one in stored.weights if id(one) not in paired),
        optimizer="left alone",
    )


def _weight(one: StoredTensor | None, slot: Slot | None) -> Weight:
    return Weight(
        stored_path=one.path if one else None,
        stored_shape=one.shape if one else None,
        stored_dtype=one.dtype if one else None,
        variable_path=slot.name if slot else None,
        variable_shape=slot.shape if slot else None,
        variable_dtype=slot.dtype if slot else None,
    )


def _require(report: LoadReport, allowed: frozenset[str], match: str, target: Any) -> None:
    name = getattr(target, "name", None)
    if not report.matched and (report.missing or report.unexpected or report.mismatched):
        raise IncompleteLoad(
            f"none of the stored weights is one of {name!r}; if they belong to a model inside it, "
            f"give that as into=; {_ADVICE[match]}; nothing was loaded:\n{report}",
            report=report,
        )
    refused = [kind for kind in PARTIAL if kind not in allowed and getattr(report, kind)]
    if refused:
        counts = ", ".join(f"{len(getattr(report, kind))} {kind}" for kind in refused)
        raise IncompleteLoad(
            f"not all of the stored weights are those of {name!r}: {counts}; {_ADVICE[match]}, and "
            f"allow_partial={sorted(refused)} loads the rest; nothing was loaded:\n{report}",
            report=report,
        )


@contextmanager
def _assigned(values: list[tuple[Slot, Any]]) -> Iterator[None]:
    """Assign all values; put back what was there, if that or what follows fails."""
    keras = require_keras()
    by_owner: dict[int, list[tuple[Slot, Any]]] = {}
    for slot, value in values:
        by_owner.setdefault(id(slot.owner), []).append((slot, value))
    before: list[tuple[Any, dict[str, Any]]] = []
    try:
        try:
            for own in by_owner.values():
                owner = own[0][0].owner
                now = addresses.values_of(owner)
                kept = {key: keras.ops.convert_to_numpy(value).copy() for key, value in now.items()}
                before.append((owner, kept))
                owner.load_own_variables({**kept, **{slot.key: value for slot, value in own}})
        except Exception as error:
            raise NotRestorable(
                f"the model refuses what is stored, and is as it was: {innermost(error)}",
                cause=str(error),
            ) from error
        yield
    except BaseException:
        for owner, kept in before:
            owner.load_own_variables(kept)
        raise
