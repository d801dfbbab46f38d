"""What a name in a config means: which of Keras' own classes or functions, or a user's.

Older files name a class without its module, or by a module inside Keras that has moved since.
What is meant follows from the name and from the slot it stands in; the names that there are today
come from the allowlist. Nothing is imported.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from bundlekit_keras import allowlist

if TYPE_CHECKING:
    from collections.abc import Mapping


class Name(NamedTuple):
    """One of Keras' own classes, by the public name that a config holds today."""

    module: str
    class_name: str
    kind: str
    legacy: bool = False

    @property
    def full(self) -> str:
        """The name that the table knows it by: `layers.Dense`, `optimizers.Adam`."""
        return f"{self.module}.{self.class_name}".removeprefix("keras.")

    @property
    def known_as(self) -> tuple[str, ...]:
        """All names that the table may know it by; old optimizers have one of their own."""
        return (
            (f"{self.full} of keras.optimizers.legacy", self.full) if self.legacy else (self.full,)
        )


_MODULES: Mapping[str, tuple[str, ...]] = {
    "layer": ("keras.layers",),
    "initializer": ("keras.initializers",),
    "regularizer": ("keras.regularizers",),
    "constraint": ("keras.constraints",),
    "optimizer": ("keras.optimizers",),
    "schedule": ("keras.optimizers.schedules",),
    "loss": ("keras.losses",),
    "metric": ("keras.metrics",),
    "policy": ("keras.dtype_policies",),
    "quantizer": ("keras.quantizers",),
}
_KINDS = tuple(_MODULES)
_MODELS = {"Sequential": "keras", "Functional": "keras.src.models.functional"}
_ALSO = {
    ("policy", "DTypePolicy"): "keras",
    ("policy", "FloatDTypePolicy"): "keras",
    ("loss", "LossFunctionWrapper"): "keras.src.losses.losses",
}
_OF_APPLICATIONS = {
    "CustomScaleLayer": frozenset({"scale"}),
    "LayerScale": frozenset({"init_values", "projection_dim"}),
    "StochasticDepth": frozenset({"drop_path_rate"}),
}
"""Layers inside of `keras.applications`, with all arguments of their own."""
_INSTEAD: Mapping[str, tuple[str, ...]] = {
    # Where an instance of another kind is as good: a layer as an activation, a loss as a metric.
    "activation": ("layer", "operation"),
    "schedule": ("schedule",),
    "layer": ("layer", "operation"),
    "loss": ("loss", "metric"),
    "metric": ("metric", "loss"),
}
_OF_KERAS = re.compile(
    r"(?:keras|tf_keras|tensorflow\.python\.keras|tensorflow\.keras|tensorflow_core\.keras"
    r"|tensorflow_core\.python\.keras)(?:\.|$)"
)
_SEGMENTS = {
    "layers": "layer",
    "engine": "layer",
    "models": "layer",
    "initializers": "initializer",
    "regularizers": "regularizer",
    "constraints": "constraint",
    "schedules": "schedule",
    "learning_rate_schedule": "schedule",
    "optimizers": "optimizer",
    "optimizer_v2": "optimizer",
    "losses": "loss",
    "metrics": "metric",
    "mixed_precision": "policy",
    "dtype_policies": "policy",
    "quantizers": "quantizer",
    "ops": "operation",
}
_IN_KERAS_2_ONLY = {"policy": {"Policy": "DTypePolicy", "PolicyV1": "DTypePolicy"}}
RENAMED: Mapping[str, Mapping[str, str]] = {
    "layer": {
        "Model": "Functional",
        "BatchNormalizationV1": "BatchNormalization",
        "BatchNormalizationV2": "BatchNormalization",
        "SyncBatchNormalization": "BatchNormalization",
        "ThresholdedReLU": "ReLU",
        "GroupedQueryAttention": "GroupQueryAttention",  # the class behind the public name
    },
    "initializer": {"OrthogonalInitializer": "Orthogonal", "IdentityInitializer": "Identity"},
    "optimizer": {
        "LossScaleOptimizerV3": "LossScaleOptimizer",
        "LossScaleOptimizerV1": "LossScaleOptimizer",
    },
    **_IN_KERAS_2_ONLY,
}
"""Classes that went by another name; the table says what that means for their arguments."""

ALIASES: Mapping[str, frozenset[str]] = {
    "activation": frozenset({"swish", "hard_swish"}),
    "initializer": frozenset({"uniform", "normal", "zero", "one"}),
    "regularizer": frozenset({"l1_l2", "orthogonal_regularizer"}),
    "constraint": frozenset({"max_norm", "min_max_norm", "unit_norm", "non_neg"}),
    "loss": frozenset({"mse", "mae", "mape", "msle", "bce", "kld"}),
    "metric": frozenset({"mse", "mae", "mape", "msle", "bce", "acc", "accuracy"}),
}
"""What a text may say besides the names of classes and functions."""

_BOTH_CALLED_OTHERWISE = {
    **{name.upper(): name for name in ("mse", "mae", "mape", "msle")},
    **dict.fromkeys(("KLD", "kld", "kullback_leibler_divergence"), "kl_divergence"),
    "cosine_proximity": "cosine_similarity",
}
CALLED_OTHERWISE: Mapping[str, Mapping[str, str]] = {
    "loss": {
        **_BOTH_CALLED_OTHERWISE,
        **dict.fromkeys(("logcosh", "LogCosh"), "log_cosh"),
        "huber_loss": "huber",
    },
    "metric": {
        **_BOTH_CALLED_OTHERWISE,
        **dict.fromkeys(("logcosh", "log_cosh"), "LogCoshError"),
    },
}
"""What a text said in Keras 2, and what it is called today."""

_TEXTS = frozenset({"activation", "initializer", "regularizer", "constraint", "loss", "metric"})


def of_keras(module: object) -> TypeGuard[str]:
    """Tell whether a module is one of Keras, of today or of before."""
    return isinstance(module, str) and _OF_KERAS.match(module) is not None


def is_current(module: object, class_name: str) -> bool:
    """Tell whether the installed Keras finds a class under the very name that a config has."""
    return f"{module}.{class_name}" in allowlist.allowed().classes


def kind_of_module(module: str) -> str | None:
    """Tell the kind of what is in a module inside of Keras; `None` where that is open.

    Example:
        >>> kind_of_module("keras.src.optimizers.schedules.learning_rate_schedule")
        'schedule'
    """
    steps = [step for step in module.split(".") if step in _SEGMENTS]
    return _SEGMENTS[steps[-1]] if steps else None


def find(class_name: str, kind: str | None) -> Name | None:
    """Give Keras' own class that a short name means in a slot; `None` where it means none.

    Args:
        class_name: `Dense`; names of older Keras are understood.
        kind: what stands in the slot; `None` where that is open, which is looked up in all kinds.
    """
    kinds = _KINDS if kind is None else _INSTEAD.get(kind, (kind,))
    for one in kinds:
        short = RENAMED.get(one, {}).get(class_name, class_name)
        module = _operations().get(short) if one == "operation" else _classes(one).get(short)
        if module is not None:
            return Name(module, short, one)
    return None


def of_applications(class_name: str, config: Mapping[str, object]) -> Name | None:
    """Give the layer of `keras.applications` that a node is; a user's may have the same name."""
    own = frozenset(config.keys() - {"name", "trainable", "dtype", "batch_input_shape"})
    if _OF_APPLICATIONS.get(class_name) != own:
        return None
    homes = (name.rpartition(".") for name in allowlist.allowed().classes)
    found = [home for home, _, short in homes if short == class_name]
    return Name(found[0], class_name, "layer") if len(found) == 1 else None


def is_known_text(text: str, kind: str) -> bool:
    """Tell whether a text in a slot is one that Keras itself resolves, such as `relu`."""
    return kind not in _TEXTS or text in _texts(kind)


def functions(module: str) -> frozenset[str]:
    """Give the short names of the functions that Keras has in a public module."""
    found = (name.rpartition(".") for name in allowlist.allowed().functions)
    return frozenset(short for home, _, short in found if home == module)


@cache
def _classes(kind: str) -> Mapping[str, str]:
    full = allowlist.allowed().classes
    found = {
        short: module
        for module, _, short in (name.rpartition(".") for name in full)
        if module in _MODULES.get(kind, ())
    }
    if kind == "layer":
        found |= _MODELS
    found |= {name: home for (of, name), home in _ALSO.items() if of == kind}
    return found


@cache
def _operations() -> Mapping[str, str]:
    """Give the operations behind `keras.ops`, which Functional models hold beside layers."""
    homes: dict[str, set[str]] = {}
    for name in allowlist.allowed().classes:
        module, _, short = name.rpartition(".")
        if module.startswith("keras.src.ops."):
            homes.setdefault(short, set()).add(module)
    return {short: min(modules) for short, modules in homes.items() if len(modules) == 1}


@cache
def _texts(kind: str) -> frozenset[str]:
    module = f"keras.{kind}s" if kind != "loss" else "keras.losses"
    classes = _classes(kind) if kind in _MODULES else {}
    return (
        ALIASES.get(kind, frozenset())
        | functions(module)
        | (functions("keras.metrics") if kind == "loss" else frozenset())
        | (functions("keras.losses") if kind == "metric" else frozenset())
        | frozenset(classes)
        | frozenset(_snake(name) for name in classes)
    )


def _snake(name: str) -> str:
    text = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", text).lower()
