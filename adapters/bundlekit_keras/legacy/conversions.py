"""Arguments that Keras 3 takes in another form, or under another class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit_keras.legacy import refusing

if TYPE_CHECKING:
    from bundlekit_keras.nodes import Place


def one_axis(config: dict[str, Any], place: Place) -> None:
    """Take one axis out of its list; Keras 3 normalises over one alone."""
    axis = config["axis"]
    if isinstance(axis, list) and len(axis) == 1:
        config["axis"] = axis[0]
    elif isinstance(axis, list):
        raise refusing.not_expressible(
            place, "BatchNormalization", "axis", axis, "Keras 3 normalises over one axis alone"
        )


def renorm(config: dict[str, Any], place: Place) -> None:
    """Leave out batch renormalization where it is off; not every Keras 3 has it."""
    if not config["renorm"]:
        for key in ("renorm", "renorm_clipping", "renorm_momentum"):
            config.pop(key, None)


def decay(config: dict[str, Any], place: Place) -> None:
    """Write the decay of old optimizers as the schedule that it is: lr / (1 + decay * step)."""
    rate = config.pop("decay")
    if not rate:
        return
    initial = config.pop("learning_rate", config.pop("lr", None))
    if isinstance(rate, int | float) and isinstance(initial, int | float):
        config["learning_rate"] = {
            "module": "keras.optimizers.schedules",
            "class_name": "InverseTimeDecay",
            "config": {
                "initial_learning_rate": initial,
                "decay_steps": 1,
                "decay_rate": rate,
                "staircase": False,
                "name": "InverseTimeDecay",
            },
            "registered_name": None,
        }
        return
    raise refusing.not_expressible(
        place, "the optimizer", "decay", rate, "a schedule on top of a decay cannot be expressed"
    )


def no_name(config: dict[str, Any], place: Place) -> None:
    """Leave out a name that is none; Keras 3 has one of its own then."""
    if config["name"] is None:
        del config["name"]


def reduction(config: dict[str, Any], place: Place) -> None:
    """Say which reduction `auto` is: in `compile` and `fit` always the same."""
    if config["reduction"] == "auto":
        config["reduction"] = "sum_over_batch_size"


def bins(config: dict[str, Any], place: Place) -> None:
    """Write the bins of the oldest `Discretization` as either of what they were."""
    value = config.pop("bins")
    config["bin_boundaries" if isinstance(value, list) else "num_bins"] = value


def of_integers(config: dict[str, Any], place: Place) -> None:
    """Leave out a dtype of integers of `Discretization`, which Keras 2 meant of what comes out.

    Keras 3 would cast what goes in, and so cut numbers off before it compares them.
    """
    dtype = config["dtype"]
    inner = dtype.get("config") if isinstance(dtype, dict) else {"name": dtype}
    name = inner.get("name") if isinstance(inner, dict) else None
    if isinstance(name, str) and name.startswith(("int", "uint")):
        config.pop("dtype")


def functions(config: dict[str, Any], place: Place) -> None:
    """Write the functions of a `Lambda` that were given by name as nodes; the rest is bytecode.

    Bytecode stays the list that it was, which the audit refuses.
    """
    del config["function_type"]
    for key in ("function", "output_shape", "mask"):
        module = config.pop("module" if key == "function" else f"{key}_module", None)
        config.pop(f"{key}_type", None)
        if isinstance(config.get(key), str):
            config[key] = {
                "module": module if isinstance(module, str) else "builtins",
                "class_name": "function",
                "config": config[key],
                "registered_name": "function",
            }
