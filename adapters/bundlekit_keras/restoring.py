"""Restoring the model of a bundle: built, compiled as it was, and every variable exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.errors import BundleError, Damaged
from bundlekit.warning import warn
from bundlekit_keras import adapted, assembly, compiling, exact, record, running_metrics, stored
from bundlekit_keras.account import account_of
from bundlekit_keras.framework import require_keras
from bundlekit_keras.keras_file import METADATA
from bundlekit_keras.parts import compiles, drops_optimizer, keeps_optimizer

if TYPE_CHECKING:
    from bundlekit.adapter import Context, Payload
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
    model, found = rebuilt(config, payload, context)
    try:
        exact.restore(account_of(model), found, payload, member)
        with stored.opened(payload.read(member), member) as weights:
            assembly.load_assets(model, weights, payload)
    except BundleError:
        raise
    except Exception as error:
        raise assembly.failed(payload, error) from error
    return model


def restored_of(config: dict[str, Any], payload: Payload, context: Context, weights: Stored) -> Any:
    """Give the model of a bundle whose weights are in a file by layer."""
    model, found = rebuilt(config, payload, context)
    assembly.fill(model, weights, payload, optimizer=keeps_optimizer(context.options))
    account = account_of(model)
    exact.require_same(account, found, payload)
    exact.restore_rest(account, found, payload)
    return model


def rebuilt(config: dict[str, Any], payload: Payload, context: Context) -> tuple[Any, Record]:
    """Build and compile the model with fresh variables; and tell which of them are to come back.

    Raises:
        NotRestorable: Keras failed.
        Damaged: there is no record of variables, or the config is that of no model.
    """
    found = _wanted(payload, context)
    resumes = "resume" in payload.part.capabilities and found.trained
    if resumes and not config.get("compile_config"):
        raise Damaged(
            "the manifest says that the model can resume its training, and its config holds no "
            "optimizer; the file was changed or not written by bundlekit"
        )

    elsewhere = payload.json(METADATA).get("backend") != require_keras().backend.backend()

    def compiled(model: Any, compiling_config: dict[str, Any]) -> None:
        if elsewhere and "jit_compile" in compiling_config:
            # Keras stores what "auto" was on its backend; on another it is slow, or fails.
            compiling_config = {**compiling_config, "jit_compile": "auto"}
        _complete(model, found, payload)
        if "fit" in payload.part.capabilities:
            compiling.compile_for(model, compiling_config, found.trained, payload.part.tensors)

    wants = compiled if compiles(context.options) else False
    model = assembly.build(config, context, compiled=wants, payload=payload)
    if not isinstance(model, require_keras().Model):
        kind = type(model).__name__
        raise assembly.failed(payload, TypeError(f"its config is that of a {kind}, no model"))
    _complete(model, found, payload)
    compiling.build_others(account_of(model), found.trained, payload.part.tensors)
    if found.metrics:
        made = running_metrics.make(model, found.metrics, payload.part.signature)
        lost = sorted(found.metrics.keys() - made)
        if lost:
            warn(
                f"the running metrics {', '.join(lost)} of {payload.part.name!r} start anew: the "
                f"rebuilt model has other metrics there"
            )
            found = found.with_metrics(made)
    return model, found


def _complete(model: Any, found: Record, payload: Payload) -> None:
    """Do to a model what its config does not say was done to it."""
    account = account_of(model)
    adapted.restore(account, found.layers)
    exact.attach(account, found, payload)
    exact.restore_flags(account_of(model), found)


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
