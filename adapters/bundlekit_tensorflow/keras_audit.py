"""The audit of what Keras 2 wrote beside a program: an allowlist of what its loader may make.

tf_keras finds a class by its name, among its own and the user's, calls functions of TensorFlow by
their public names, and runs the bytecode of lambdas. Here every class, function and symbol is
looked at before tf_keras sees any. What is not tf_keras' own is a need. Where the program can
predict without it, the need is optional: it is not given, the model comes back for inference.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Need
from bundlekit.errors import Damaged, Refused
from bundlekit_tensorflow import keras_metadata
from bundlekit_tensorflow.audit import OPERATION
from bundlekit_tensorflow.keras_metadata import METADATA
from bundlekit_tensorflow.keras_names import allowed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bundlekit.manifest import Part
    from bundlekit.source import Buffer
    from bundlekit_tensorflow.program import Program

_STRUCTURES = frozenset(
    {"__tuple__", "__ellipsis__", "__bytes__", "TensorShape", "ListWrapper", "DictWrapper"}
)
_TYPES = frozenset({"tf.TensorSpec", "tf.RaggedTensorSpec", "tf.SparseTensorSpec"})
_CALLS_SYMBOLS = frozenset({"TFOpLambda", "SlicingOpLambda"})
_CALLS_ATTRIBUTES = frozenset(
    {"ClassMethod", "InstanceMethod", "InstanceProperty", "TensorFlowOpLayer"}
)
_CALLS = _CALLS_SYMBOLS | _CALLS_ATTRIBUTES | {"CompositeTensor", "TypeSpec", "__lambda__"}
_PATHS = ("vocabulary", "idf_weights")
_MODELLING = re.compile(
    r"(keras|tf_keras)(\.src)?(\.(activations|constraints|engine|initializers|layers|losses|metrics"
    r"|mixed_precision|models|optimizers|regularizers)(\.\w+)*)?|builtins"
)
"""The modules that define what models are made of."""
_REFERENCE = re.compile(
    r"(\w*_)?(activation|initializer|regularizer|constraint|optimizer|loss|fn)"
    r"|(weighted_)?metrics"
)
_REGISTERED = re.compile(r"[\w.]{1,200}>[\w.<>]{1,200}")
_ALIASES = frozenset(
    {"acc", "accuracy", "bce", "BCE", "ce", "crossentropy", "huber_loss", "kld", "KLD", "logcosh"}
)
"""Short names of its own losses and metrics that tf_keras does not export, and finds."""
_NAMES = ("config", "class_name", "registered_name", "module")
_NO_OBJECTS = (OPERATION, "lambda")
_KINDS = {
    "_tf_keras_metric": "metric",
    "_tf_keras_model": "model",
    "_tf_keras_network": "model",
    "_tf_keras_sequential": "model",
}


def needs(data: Buffer, program: Program, part: Part) -> tuple[Need, ...]:
    """Give what making the Keras model again takes besides tf_keras.

    Args:
        data: `keras_metadata.pb`.
        program: the program beside it.
        part: what the manifest says, to tell where needs come from.

    Raises:
        Refused: it names a module to import.
        Damaged: it is none, or the manifest contradicts it.
    """
    return _needs(keras_metadata.parse(data), part, METADATA, optional=can_predict(program))


def needs_of_config(
    config: dict[str, Any], training: dict[str, Any] | None, part: Part, what: str
) -> tuple[Need, ...]:
    """Give what making a model takes besides tf_keras, from the config in a file of its own.

    Args:
        config: class and config of the model.
        training: what it was compiled with; `None` where it was not.
        part: what the manifest says, to tell where needs come from.
        what: the file, for the errors.

    Raises:
        Refused: it names a module to import.
        Damaged: the manifest contradicts it.
    """
    whole = {**config, "training_config": training}
    root = keras_metadata.KerasObject(0, "root", "_tf_keras_model", whole)
    return _needs((root,), part, what, optional=False)


def _needs(
    objects: Iterable[keras_metadata.KerasObject], part: Part, what: str, *, optional: bool
) -> tuple[Need, ...]:
    places: dict[str, dict[str, None]] = {}
    kinds: dict[str, str] = {}
    for one in objects:
        for name, kind in _object(one):
            places.setdefault(name, {})[one.path] = None
            kinds[name] = max(kind, kinds.get(name, kind), key=_exactness)
    declared = {record.name: record for record in part.custom_objects}
    if len(declared) != len(part.custom_objects):
        raise Damaged("the manifest declares two custom objects of one name")
    for record in part.custom_objects:
        kind = kinds.pop(record.name, OPERATION)
        is_keras = (record.module or "").partition(".")[0] in ("keras", "tf_keras", "tensorflow")
        if kind in _NO_OBJECTS or record.optional != optional or is_keras:
            raise Damaged(
                f"the manifest declares {record.describe()}, and {what} does not need that",
                name=record.name,
            )
    undeclared = (_need(name, kinds[name], places[name], optional) for name in sorted(kinds))
    return (*part.custom_objects, *undeclared)


def _exactness(kind: str) -> int:
    """Rank what is said of one name in several places: a class of a kind, a class, a function."""
    return ("function", "object").index(kind) if kind in ("function", "object") else 2


def can_predict(program: Program) -> bool:
    """Tell whether the program has a function to call, without Keras making the model."""
    children = program.things[0].children if program.things else {}
    place = children.get("signatures")
    if place is None or not 0 <= place < len(program.things):
        return False
    return bool(program.things[place].children)


def _need(name: str, kind: str, where: dict[str, None], optional: bool) -> Need:
    short = name.rpartition(">")[2]
    is_object = kind not in _NO_OBJECTS
    return Need(
        name=name,
        class_name=short if is_object else "",
        kind=kind,
        where=tuple(where),
        optional=optional,
    )


def _object(one: keras_metadata.KerasObject) -> Iterator[tuple[str, str]]:
    """Yield name and kind of what an object needs."""
    kind = _KINDS.get(one.identifier, "layer")
    yield from _class(one.config, kind, one.path)
    for key, value in one.config.items():
        if key == "model_config" and _is_short_for(value, one.config):
            yield from _walk(value.get("config"), "", one.path)
        elif key not in ("class_name", "config"):
            yield from _walk(value, key, one.path, within_compile=key == "training_config")


def _is_short_for(value: Any, node: dict[str, Any]) -> bool:
    """Tell whether a model is said again, by the plain name of its class; tf_keras does so."""
    name = value.get("class_name") if isinstance(value, dict) else None
    return isinstance(name, str) and str(node.get("class_name")).endswith(f">{name}")


def _walk(
    value: Any, key: str, path: str, *, within_compile: bool = False
) -> Iterator[tuple[str, str]]:
    """Look at everything in a config: classes, names of functions, lambdas."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield from _class(value, "object", path)
        for name, child in value.items():
            if "class_name" in value and name in _NAMES:
                continue
            # In what `compile` was given, dicts and lists hold references by outputs' names.
            inherits = within_compile and not _REFERENCE.fullmatch(name) and key != ""
            yield from _walk(child, key if inherits else name, path, within_compile=within_compile)
    elif isinstance(value, list):
        for child in value:
            yield from _walk(child, key, path, within_compile=within_compile)
    elif isinstance(value, str):
        yield from _text(value, key)


def _text(value: str, key: str) -> Iterator[tuple[str, str]]:
    names = allowed()
    if value in names.functions | _ALIASES or value.lower() in names.identifiers:
        return
    if _REGISTERED.fullmatch(value) or (_REFERENCE.fullmatch(key) and value):
        yield value, "function"


def _class(node: dict[str, Any], kind: str, path: str) -> Iterator[tuple[str, str]]:
    """Look at a node that names a class, and at its config."""
    name, config = node.get("class_name"), node.get("config")
    if not isinstance(name, str):
        raise Damaged(f"{METADATA} has a node without a plain class_name at {path}", where=path)
    own = (
        name in allowed().classes
        or name in _CALLS
        or (name == "function" and isinstance(config, str) and config in allowed().functions)
    )
    _check_home(node, name, path, own=own)
    if name in _STRUCTURES:
        yield from _walk(config, "", path)
        return
    if name == "TypeSpec":
        if str(node.get("type_spec")) not in _TYPES:
            yield f"type {node.get('type_spec')}", OPERATION
        yield from _walk(config, "", path)
        return
    if name == "CompositeTensor" or name in _CALLS_ATTRIBUTES:
        yield name, OPERATION
    elif name == "__lambda__":
        yield "<lambda>", "lambda"
    elif name == "function":
        yield from _text(str(config), "fn")
    elif name in _CALLS_SYMBOLS:
        yield from _symbol(config)
    elif name not in allowed().classes:
        yield node.get("registered_name") or name, kind
    if name == "Lambda":
        yield from _lambda(config)
    for key in _PATHS:
        found = config.get(key) if isinstance(config, dict) else None
        if isinstance(found, str):
            yield f"read {found}", OPERATION
    yield from _walk(config, "", path)


def _check_home(node: dict[str, Any], name: str, path: str, *, own: bool) -> None:
    """Make sure that tf_keras finds the class that was looked at, and imports nothing else.

    It goes by the registered name, then by module and class name, and then by module and registered
    name: so the three may not tell of different things.

    Raises:
        Refused: it names a module that would be imported.
        Damaged: the names contradict each other.
    """
    module, registered = node.get("module"), node.get("registered_name")
    if not isinstance(module, str | None) or not isinstance(registered, str | None):
        raise Damaged(f"{METADATA} has a node without plain names at {path}", where=path)
    if name in _STRUCTURES:
        expected: tuple[str | None, ...] = (None,)
    elif name == "function":
        expected = (None, name, str(node.get("config")))
    else:
        expected = (None, name)
    is_registered = registered is not None and registered.rpartition(">")[2] == name and not own
    if registered not in expected and not is_registered:
        raise Damaged(
            f"{METADATA} has a {name[:60]!r} at {path} that is registered as "
            f"{str(registered)[:60]!r}; nothing can be both",
            where=path,
        )
    if module is None or (_MODELLING.fullmatch(module) and name not in _STRUCTURES):
        return
    if own or registered is None or name in _STRUCTURES:
        raise Refused(
            f"{METADATA} names the module {module[:60]!r} for {name[:60]!r} at {path}, which "
            f"loading would import; classes are found by their registered names here",
            where=path,
            module=module,
        )


def _symbol(config: Any) -> Iterator[tuple[str, str]]:
    symbol = str(config.get("function")) if isinstance(config, dict) else None
    if symbol not in allowed().symbols:
        yield f"tf.{symbol}", OPERATION


def _lambda(config: Any) -> Iterator[tuple[str, str]]:
    """Look at the functions of a Lambda layer: by name, or as bytecode."""
    if not isinstance(config, dict):
        return
    for key in ("function", "output_shape", "mask"):
        value, how = config.get(key), config.get(f"{key}_type", "")
        is_code = isinstance(value, list | dict) and key != "output_shape"
        if how == "lambda" or is_code:
            yield "<lambda>", "lambda"
        elif how == "function" and isinstance(value, str) and value not in allowed().functions:
            yield value, "function"
