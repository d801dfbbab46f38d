"""Layers that were changed after their class had made them: quantised, or given LoRA weights.

The config of such a layer says so, and where the layer stands in a config it comes back as it was.
Where a class of the user's makes it, it comes back as the class makes it, and is changed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.errors import Unwritable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bundlekit_keras.account import Account
    from bundlekit_keras.record import Layer, Mode

CALIBRATED = ("gptq", "awq")
"""Modes that are calibrated with data, which can be done once."""


def mode_of(layer: Any) -> Mode | None:
    """Tell how a layer is quantised: `int8`, `int4`, `float8`, `gptq`, `awq`, or not."""
    mode: Mode | None = getattr(layer, "quantization_mode", None)
    return mode


def lora_of(layer: Any) -> tuple[int, int | float] | None:
    """Give rank and alpha of a layer's LoRA weights, where it has some."""
    if getattr(layer, "lora_enabled", False) is not True:
        return None
    alpha = layer.lora_alpha
    return int(layer.lora_rank), alpha if isinstance(alpha, int) else float(alpha)


def require_calibrated(account: Account) -> None:
    """Refuse layers that were made ready to be calibrated and never were.

    They answer from weights of full precision, which Keras does not restore.

    Raises:
        Unwritable: naming the layers.
    """
    waiting = [
        layer.name
        for layer in account.layers.values()
        if mode_of(layer) in CALIBRATED and not getattr(layer, _flag(layer), True)
    ]
    if waiting:
        raise Unwritable(
            f"the layers {', '.join(map(repr, waiting))} are quantised and not calibrated, and "
            f"Keras restores none such; leave them out with quantize(…, filters=…), or calibrate "
            f"them",
            layers=tuple(waiting),
        )


def restore(account: Account, layers: Mapping[str, Layer]) -> None:
    """Quantise the layers that were, and give those LoRA weights that had some."""
    for place, layer in account.layers.items():
        recorded = layers.get(place)
        if recorded is None:
            continue
        if recorded.mode and mode_of(layer) is None and recorded.mode not in CALIBRATED:
            layer.quantize(recorded.mode)
        if recorded.lora and lora_of(layer) is None:
            rank, alpha = recorded.lora
            layer.enable_lora(rank, lora_alpha=alpha)
        elif recorded.lora and lora_of(layer) != recorded.lora:
            layer.lora_alpha = recorded.lora[1]  # Keras writes it, and does not read it again
        if mode_of(layer) in CALIBRATED:
            setattr(layer, _flag(layer), True)


def _flag(layer: Any) -> str:
    return f"is_{mode_of(layer)}_calibrated"
