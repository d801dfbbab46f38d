"""Restoring the model of a bundle: built, compiled as it was, and every variable exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged
from bundlekit.warning import warn
from bundlekit_keras import (
    adapted,
    assembly,
    attached,
    bijection,
    compiling,
    exact,
    indexed,
    internals,
    record,
    running_metrics,
)
from bundlekit_keras.account import account_of
from bundlekit_keras.collecting import uncollected
from bundlekit_keras.framework import require_keras
from bundlekit_keras.keras_file import METADATA
from bundlekit_keras.parts import compiles, drops_optimizer, keeps_optimizer

if TYPE_CHECKING:
    from bundlekit.adapter import Context, Payload
    from bundlekit_keras.account import Account
    from bundlekit_keras.record import Record
    from bundlekit_keras.stored import Stored


def restored(config: dict[str, Any], payload: Payload, context: Context, member: str) -> Any:
    """Give the model of a bundle.

    Args:
        config: the node of the model, as it was audited.
        payload: what is stored.
        context: the classes and functions that were found, and the options.
        member: the path of Keras' own file.

    Raises:
        NotRestorable: Keras failed, or the model has other variables than the bundle.
        Damaged: there is no record of variables.
    """
    with (
        assembly.failing(payload),
        uncollected(),
        internals.answered_once(),
        internals.set_plainly(),
        internals.uninitialized() as waiting,
    ):
        model, found, account = _rebuilt(config, payload, context)
        exact.restore(account, found, payload, member)
        waiting.initialize(without=[account.entries[one.path].variable for one in found.variables])
        assembly.load_assets(model, indexed.weights(payload, member), payload)
    return model


def restored_of(config: dict[str, Any], payload: Payload, context: Context, weights: Stored) -> Any:
    """Give the model of a bundle whose weights are in a file by layer."""
    with assembly.failing(payload):
        model, found, account = _rebuilt(config, payload, context)
        assembly.fill(model, weights, payload, optimizer=keeps_optimizer(context.options))
        bijection.require_same(account, found, payload)
        exact.restore_rest(account, found, payload)
    return model


def _rebuilt(
    config: dict[str, Any], payload: Payload, context: Context
) -> tuple[Any, Record, Account]:
    """Build and compile the model with fresh variables; and tell which of them are to come back."""
    found = _wanted(payload, context)
    tensors = payload.part.tensors
    account: Account | None = None
    changed = bool(found.metrics)

    def compiled(model: Any, compile_config: dict[str, Any]) -> None:
        nonlocal account, changed
        account = _completed(model, found, payload)
        if "fit" in payload.part.capabilities:
            changed = True
            here = _for_this_backend(compile_config, payload)
            # What is not restored begins with its initial values.
            with internals.uninitialized(wanted=compiling.MAIN in found.trained):
                compiling.compile_for(model, account, here, found.trained, tensors)

    wants = compiled if compiles(context.options) else False
    model = assembly.build(config, context, compiled=wants, payload=payload)
    if not isinstance(model, require_keras().Model):
        raise TypeError(f"its config is that of a {type(model).__name__}, which is no model")
    resumes = "resume" in payload.part.capabilities and found.trained
    if resumes and not config.get("compile_config"):
        raise Damaged(
            "the manifest says that the model can resume its training, and its config holds no "
            "optimizer; the file was changed or not written by bundlekit"
        )
    if account is None:
        account = _completed(model, found, payload)
    running_metrics.make(model, found.metrics, payload.part.signature)
    if changed:
        account = account_of(model)
    if compiling.build_others(account, found.trained, tensors):
        account = account_of(model)
    return model, _without_other_metrics(found, account, payload), account


def _completed(model: Any, found: Record, payload: Payload) -> Account:
    """Do to a model what its config does not say was done to it."""
    account = account_of(model)
    adapted.restore(account, found.layers)
    attached.restore(account, found, payload.part.tensors)
    others = ("optimizer", "metric")  # which compiling makes
    wanted = {one.path for one in found.variables if one.kind not in others}
    if not wanted <= account.entries.keys():
        account = account_of(model)  # there are more now
    exact.restore_flags(account, found)
    return account


def _for_this_backend(compile_config: dict[str, Any], payload: Payload) -> dict[str, Any]:
    """Let another backend than the writer's choose what to compile: Keras stores what was chosen.

    On another backend that is slow, or fails.
    """
    elsewhere = payload.json(METADATA).get("backend") != require_keras().backend.backend()
    if not elsewhere or "jit_compile" not in compile_config:
        return compile_config
    return {**compile_config, "jit_compile": "auto"}


def _without_other_metrics(found: Record, account: Account, payload: Payload) -> Record:
    kinds = running_metrics.kinds(account, payload.part.signature)
    same = {place for place, kind in found.metrics.items() if kinds.get(place) == kind}
    lost = sorted(found.metrics.keys() - same)
    if lost:
        warn(
            f"the running metrics {', '.join(lost)} of {payload.part.name!r} start anew: the "
            f"rebuilt model has other metrics there"
        )
    return found.with_metrics(same) if lost else found


def _wanted(payload: Payload, context: Context) -> Record:
    found = record.of(payload)
    if found is None:
        raise Damaged(
            f"the payload has no {record.MEMBER}, which bundles of live models have; the file was "
            f"changed or not written by bundlekit",
            member=record.MEMBER,
        )
    if not compiles(context.options):
        return found.without("optimizer", "metric")
    return found.without("optimizer") if drops_optimizer(context.options) else found
