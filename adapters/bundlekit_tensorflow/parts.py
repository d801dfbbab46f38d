"""What of a SavedModel a caller wants back: `unbundle(…, parts={"graph"})`."""

from __future__ import annotations

from collections.abc import Iterable

from bundlekit.errors import UnknownOption

GRAPH = "graph"
INFERENCE = "inference"
MODEL = "model"
KNOWN = {
    GRAPH: "what tf.saved_model.load gives",
    INFERENCE: "an object that predicts",
    MODEL: "the trainable model of tf_keras, or else an object that predicts",
}


def of(value: object) -> str:
    """Read the option `parts`, a set of one name.

    Raises:
        UnknownOption: there is no such part, or several are asked for at once.
    """
    if value is None:
        return MODEL
    listed = "; ".join(f"{name!r}, {what}" for name, what in KNOWN.items())
    names = [] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    if len(names) != 1 or names[0] not in KNOWN:
        raise UnknownOption(
            f"parts is {value!r}; expected a set of one of these: {listed}",
            option="parts",
            found=value,
            known=tuple(KNOWN),
        )
    return str(names[0])
