"""Which Keras wrote a config: what it says, or else what it looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bundlekit_keras import nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATED = "keras_version"


class Era(NamedTuple):
    """The version of the writer; `known` is false where it is a guess from the config's form."""

    major: int
    minor: int
    known: bool = True

    @property
    def keras_2(self) -> bool:
        """Whether it is Keras before 3, be it inside TensorFlow, on its own or `tf_keras`."""
        return self.major < 3

    @property
    def wraps_single_tensors(self) -> bool:
        """Whether one input is written as a list of one, as Keras did before 3.11."""
        return (self.major, self.minor) < (3, 11)


def era_of(config: Mapping[str, Any], written_by: str | None) -> Era:
    """Give the era of a config.

    Args:
        config: a config of a model, layer or object.
        written_by: the version of Keras that wrote it, where a file says so; `to_json()` of
            Keras 2 puts it into the config itself.
    """
    for claim in (written_by, config.get(_STATED)):
        version = _version(claim)
        if version is not None:
            return Era(*version)
    return Era(2, 0, known=False) if _looks_like_keras_2(config) else Era(3, 0, known=False)


def _version(claim: object) -> tuple[int, int] | None:
    if not isinstance(claim, str):
        return None
    parts = claim.split(".")[:2]
    if not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        return None
    return int(parts[0]), int(parts[1]) if len(parts) > 1 else 0


def _looks_like_keras_2(config: Mapping[str, Any]) -> bool:
    """Look for what Keras 2 wrote into every model and Keras 3 into none."""
    for _, node in nodes.walk(config):
        inner = node["config"]
        if isinstance(inner, dict) and "batch_input_shape" in inner:
            return True
        calls = node.get("inbound_nodes")
        if isinstance(calls, list) and any(isinstance(call, list) for call in calls):
            return True
        if isinstance(inner, dict) and "is_legacy_optimizer" in inner:
            return True
        if isinstance(inner, list) and node["class_name"] == "Sequential":
            return True
    return False
