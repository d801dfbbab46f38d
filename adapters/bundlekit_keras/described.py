"""What the config of a file tells of the model, without Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Description, Loss
from bundlekit.errors import NotRestorable
from bundlekit_keras import nodes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bundlekit_keras.writer import Writer

_WITH_VOCABULARY = frozenset({"StringLookup", "IntegerLookup", "TextVectorization"})

FOREIGN_LOSSES = (
    Loss(
        what="random states",
        why="files of Keras hold none; generators, as those of dropout, start anew",
    ),
)
"""What no file of Keras' own holds of a model."""


def describe(
    config: dict[str, Any],
    writer: Writer,
    *,
    kind: str = "model",
    resumes: bool = False,
    losses: Iterable[Loss] = (),
) -> Description:
    """Describe a model by its config, in the modern form.

    Args:
        config: the node of the model.
        writer: who wrote it.
        kind: what it is in Keras' terms.
        resumes: whether the file holds an optimizer's state.
        losses: what it does not hold.
    """
    compiled = bool(config.get("compile_config"))
    fits = ("evaluate", "fit") if compiled else ()
    resume = ("resume",) if compiled and resumes else ()
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    return Description(
        kind=kind,
        name=name if isinstance(name, str) else None,
        capabilities=("predict", *fits, *resume) if kind == "model" else (),
        losses=tuple(losses),
        environment={writer.package: writer.version},
    )


def type_of(config: dict[str, Any], writer: Writer) -> str:
    """Give the type of the object that a config makes, as its writer called it."""
    module, name = config.get("module"), config.get("class_name")
    return f"{module or writer.package}.{name}"


def optimizer_kind(config: dict[str, Any]) -> str | None:
    """Give the class of the optimizer that a model was compiled with, by its config."""
    compiling = config.get("compile_config")
    optimizer = compiling.get("optimizer") if isinstance(compiling, dict) else None
    found = optimizer.get("class_name") if isinstance(optimizer, dict) else optimizer
    return found if isinstance(found, str) else None


def require_vocabularies(
    config: dict[str, Any], assets: Iterable[str] = (), *, what: str, remedy: str
) -> None:
    """Refuse a file whose model looks words up in a vocabulary that the file does not hold.

    Keras would load it, and fail when it predicts, or take every word for an unknown one.

    Args:
        config: the node of the model.
        assets: the paths of the files beside it, where vocabularies that were adapted are.
        what: the file, for the error.
        remedy: what to do.

    Raises:
        NotRestorable: naming the layers.
    """
    waiting = [
        str(node["config"].get("name"))
        for _, node in nodes.walk(config)
        if node["class_name"] in _WITH_VOCABULARY
        and isinstance(node["config"], dict)
        and node["config"].get("vocabulary") is None
        and str(node.get("module", "keras")).startswith(("keras", "tf_keras", "None"))
    ]
    folders = {path.rpartition("/")[0] for path in assets}
    held = {folder for folder in folders if folder.rpartition("/")[2] != "_lookup_layer"}
    if len(held) < len(waiting):
        raise NotRestorable(
            f"{what} lacks the vocabulary of {', '.join(map(repr, waiting))}: it was learned by "
            f"adapt(), and this format does not keep it, so the model could not answer; {remedy}",
            layers=tuple(waiting),
        )
