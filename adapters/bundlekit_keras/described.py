"""What the config of a file tells of the model, without Keras."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Description, Loss
from bundlekit.errors import NotRestorable
from bundlekit_keras import defaults, nodes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bundlekit_keras.route import Route
    from bundlekit_keras.writer import Writer

_WITH_VOCABULARY = frozenset({"StringLookup", "IntegerLookup", "TextVectorization"})

FOREIGN_LOSSES: tuple[Loss, ...] = (
    Loss(
        what="random states",
        why="files of Keras hold none; generators, as those of dropout, start anew",
    ),
)
"""What no file of Keras' own holds of a model."""

_NO_STATE = (
    Loss(
        what="the optimizer's state",
        why="the file holds none; the optimizer starts anew",
    ),
)

_NO_SCALE = (
    Loss(
        what="the loss scale of the optimizer",
        why="files of Keras 2 hold none; it starts at its initial value",
    ),
)

_NO_PRODUCT = (
    Loss(
        what="the product of the momenta of the optimizer",
        why="files of Keras 2 do not hold this of Nadam, so that its next steps differ",
    ),
)

_INVERT = (
    Loss(
        what="invert of Normalization",
        why="Keras 2.12 does not write it: a layer that was to invert comes back as one that does "
        "not, and the outputs differ",
    ),
)

_PINNED = (
    Loss(
        what="training=False of an inner model",
        why="Keras 3 hands the outer model's `training` on to it: its BatchNormalization and "
        "Dropout layers, where they are not frozen, train along",
    ),
)

_BY_STEP = (
    Loss(
        what="how BatchNormalization in TimeDistributed trains",
        why="Keras 2 normalised all time steps together, Keras 3 each for itself",
    ),
)

_SPARSE = (
    Loss(
        what="how repeated words train",
        why="on TensorFlow, Keras 3 does not sum the gradients of a word that occurs twice in a "
        "batch before Adam squares them, as Keras 2 did: the next steps of Embedding layers differ",
    ),
)


def describe(found: Route, *, resumes: bool = False) -> Description:
    """Describe a whole model by its config.

    Args:
        found: the config, and who builds from it.
        resumes: whether the file holds an optimizer's state.
    """
    writer = found.writer
    compiled = bool(found.config.get("compile_config") or found.training)
    fits = ("evaluate", "fit") if compiled else ()
    resume = ("resume",) if compiled and resumes else ()
    losses = FOREIGN_LOSSES + (_NO_STATE if compiled and not resumes else ())
    embeds = any(node["class_name"] == "Embedding" for _, node in nodes.walk(found.config))
    if found.is_tf_keras:
        losses += (Loss(what="Keras 3", why=f"{found.reason}; it takes tf_keras"),)
    elif writer.is_keras_2:
        losses += _SPARSE if embeds else ()
        losses += _of_training(found.config)
    if writer.is_keras_2 and resumes:
        losses += _of_optimizer(found)
    return Description(
        kind="model",
        name=name_in(found.config),
        capabilities=("predict", *fits, *resume),
        losses=losses,
        environment={writer.package: writer.version},
    )


def _of_training(config: dict[str, Any]) -> tuple[Loss, ...]:
    """Name what trains in another way, or may do something else, since the config does not tell."""
    found = [node for _, node in nodes.walk(config)]
    pinned = any(
        _trains_in_a_way(node) and '"training": false' in json.dumps(node.get("inbound_nodes"))
        for node in found
        if isinstance(node["config"], dict) and "layers" in node["config"]
    )
    by_step = any(
        node["class_name"] == "TimeDistributed" and "BatchNormalization" in _classes(node)
        for node in found
    )
    silent = any(
        node["class_name"] == "Normalization" and "invert" not in node["config"]
        for node in found
        if isinstance(node["config"], dict)
    )
    return (_PINNED if pinned else ()) + (_BY_STEP if by_step else ()) + (_INVERT if silent else ())


def _trains_in_a_way(node: dict[str, Any]) -> bool:
    return any("BatchNorm" in name or "Dropout" in name for name in _classes(node))


def _classes(node: dict[str, Any]) -> set[str]:
    return {inner["class_name"] for _, inner in nodes.walk(node)}


def _of_optimizer(found: Route) -> tuple[Loss, ...]:
    training = found.training or {}
    kind = training.get("optimizer_config") or training.get("optimizer")
    node = kind or optimizer_kind(found.config)
    name = node.get("class_name") if isinstance(node, dict) else node
    scaled = defaults.of_file({}, found.config).get("dtype_policy") == "mixed_float16"
    nadam = isinstance(name, str) and name.rpartition(">")[2].lower() == "nadam"
    return (_NO_SCALE if scaled else ()) + (_NO_PRODUCT if nadam else ())


def name_in(config: dict[str, Any]) -> str | None:
    """Give the name that a config gives its object."""
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else None


def type_of(config: dict[str, Any], writer: Writer) -> str:
    """Give the type of the object that a config makes, as its writer called it."""
    module, name = config.get("module"), config.get("class_name")
    return f"{module or writer.package}.{name}"


def optimizer_kind(config: dict[str, Any]) -> object:
    """Give the optimizer that a model was compiled with: a node, a name, or `None`."""
    compiling = config.get("compile_config")
    return compiling.get("optimizer") if isinstance(compiling, dict) else None


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
