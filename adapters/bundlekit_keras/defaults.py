"""The process-wide defaults that a model was made under, and is rebuilt under.

Keras does not store the dtype policy of containers. Under the global policy `mixed_float16` it
wraps the optimizer when it compiles, so a model that is loaded in a process with another policy
comes back without the loss scale and without any optimizer state; sublayers that a subclassed
model makes take the other policy too. So the policy of the model and Keras' `floatx` are stored in
`metadata.json`, which Keras reads only the version from, and hold while the model is rebuilt.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged
from bundlekit_keras import exclusive, nodes
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_POLICIES = frozenset(
    f"{mixed}{dtype}" for mixed in ("", "mixed_") for dtype in ("float16", "bfloat16")
) | {"float32", "float64"}
_FLOATS = frozenset({"bfloat16", "float16", "float32", "float64"})


def of(model: Any) -> dict[str, str]:
    """Give the defaults that a model needs; a policy that has no plain name is left out."""
    keras = require_keras()
    policy = model.dtype_policy.name
    named = {"dtype_policy": policy} if policy in _POLICIES else {}
    with exclusive.altered:
        return {"floatx": keras.config.floatx(), **named}


def are_in(metadata: Mapping[str, Any]) -> bool:
    """Tell whether they are stored: they are in every bundle of a live model, and in no file."""
    return "floatx" in metadata


def check(metadata: Mapping[str, Any]) -> None:
    """Refuse defaults that are none of Keras' own.

    Raises:
        Damaged: naming the value.
    """
    for key, known in (("dtype_policy", _POLICIES), ("floatx", _FLOATS)):
        found = metadata.get(key)
        if found is not None and not (isinstance(found, str) and found in known):
            raise Damaged(
                f"metadata.json says {key} {str(found)[:40]!r}; expected one of "
                f"{', '.join(sorted(known))}",
                key=key,
            )


def of_file(metadata: Mapping[str, Any], config: object) -> Mapping[str, Any]:
    """Give the defaults of a model: as they are stored, or as the layers of a file's config show.

    Keras stores no policy of its own for a model, and under a mixed one it wraps the optimizer.

    Args:
        metadata: of the bundle.
        config: the node of the model.
    """
    if are_in(metadata):
        return metadata
    found = {
        node["config"].get("name")
        for _, node in nodes.walk(config)
        if node["class_name"] == "DTypePolicy" and isinstance(node["config"], dict)
    } | {
        node["config"].get("dtype")
        for _, node in nodes.walk(config)
        if isinstance(node["config"], dict) and isinstance(node["config"].get("dtype"), str)
    }
    mixed = sorted(str(name) for name in found if name in ("mixed_float16", "mixed_bfloat16"))
    return {**metadata, "dtype_policy": mixed[0]} if len(mixed) == 1 else metadata


@contextmanager
def set_as(metadata: Mapping[str, Any]) -> Iterator[None]:
    """Set the defaults for a while; they are the calling thread's, or the process's for floatx."""
    config = require_keras().config
    policy = config.dtype_policy()
    try:
        config.set_dtype_policy(metadata.get("dtype_policy", policy))
        with _floatx(metadata.get("floatx")):
            yield
    finally:
        config.set_dtype_policy(policy)


@contextmanager
def _floatx(wanted: str | None) -> Iterator[None]:
    config = require_keras().config
    with exclusive.altered:
        before = config.floatx()
        if wanted not in (None, before):
            try:
                config.set_floatx(wanted)
                yield
            finally:
                config.set_floatx(before)
            return
    yield
