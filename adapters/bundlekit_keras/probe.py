"""A prediction that is stored with a model, so that whoever restores it can ask for it again.

The model is called directly, `model(inputs, training=False)`, on one batch. `predict` would compile
a function and leave it on the model, and the graph of it is rewritten: on TensorFlow its answers
differ from those of a call in the last digit. Operations one after the other are the same in every
process of the same machine, versions and backend, bit for bit. States of generators and of
recurrent layers are where they are when the model is bundled, and so when it is restored.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from bundlekit.errors import (
    BundleError,
    Damaged,
    NoSuchMember,
    ProbeFailed,
    UnknownOption,
    Unwritable,
)
from bundlekit_keras import calling, nested
from bundlekit_keras.difference import compared
from bundlekit_keras.framework import innermost, require_keras
from bundlekit_keras.signature import signature_of
from bundlekit_keras.undisturbed import untouched

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bundlekit.adapter import Out, Payload, Probed
    from bundlekit_keras.nested import Nested
    from bundlekit_keras.route import Route

STRUCTURE, ARRAYS = "probe.json", "probe.safetensors"
MEMBERS = frozenset({STRUCTURE, ARRAYS})


_BOLD = re.compile(r"\x1b\[[0-9]*m")


class Prediction(NamedTuple):
    """What a model was asked, and what it answered."""

    inputs: Nested
    outputs: Nested


def pack(model: Any, out: Out, options: Mapping[str, object]) -> Prediction | None:
    """Let a model predict on the option `example`, and store that; `None` where there is none.

    Args:
        model: the live model, which is not changed.
        out: where the members go.
        options: of `bundle`.

    Raises:
        Unwritable: the model cannot predict on the example, or answers otherwise the second time.
        NotBuilt: a layer of the model waits for its first call.
    """
    if options.get("example") is None:
        return None
    inputs = nested.plain(options["example"], "example")
    outputs = [_predicted(model, inputs) for _ in range(2)]
    if compared(model, *outputs).difference:
        raise Unwritable(
            f"the model {model.name!r} answers otherwise when it is asked again, so that no stored "
            f"prediction could be repeated; let its random operations draw from a "
            f"keras.random.SeedGenerator that is an attribute of the layer, or leave out example=",
            model=model.name,
        )
    arrays: dict[str, Any] = {}
    named = {"inputs": inputs, "outputs": outputs[0]}
    out.add_json(STRUCTURE, {key: nested.encode(value, arrays) for key, value in named.items()})
    out.add(ARRAYS, _save(arrays))
    return Prediction(inputs, outputs[0])


def refuse(options: Mapping[str, object]) -> None:
    """Refuse the option `example` for models that cannot be asked.

    Raises:
        UnknownOption: it was given.
    """
    if options.get("example") is not None:
        raise UnknownOption(
            "example= is for models of Keras 3, and this one is of tf_keras; leave it out",
            option="example",
        )


def audit(payload: Payload, route: Route) -> None:
    """Refuse a stored prediction that is not sound; parts of a bundle are not read for that.

    Raises:
        Damaged: its members are not what `pack` writes, or stand beside a model of tf_keras.
    """
    if payload.whole:
        read(payload)
    if route.is_tf_keras and MEMBERS & {*payload.paths}:
        raise Damaged(f"{STRUCTURE} stands beside models of Keras 3 only", member=STRUCTURE)


def read(payload: Payload) -> Prediction | None:
    """Read the stored prediction, `None` where there is none; the same objects at every call.

    Raises:
        Damaged: the members are not what `pack` writes.
    """
    if not MEMBERS & {*payload.paths}:
        return None
    found: Prediction = payload.once(STRUCTURE, lambda: _read(payload))
    return found


def is_wanted(payload: Payload, options: Mapping[str, object]) -> bool:
    """Tell whether the option `check` of `unbundle` asks for the stored prediction.

    Raises:
        UnknownOption: it asks for something else, or nothing whole is restored.
        NoSuchMember: there is none.
    """
    if "check" not in options:
        return False
    if options["check"] != "probe":
        raise UnknownOption(
            f"check={options['check']!r} is not known; it is 'probe'",
            option="check",
            found=options["check"],
            known=("probe",),
        )
    for option in ("into", "parts"):
        if option in options:
            raise UnknownOption(
                f"check='probe' asks the whole model, and {option}= gives something else; leave "
                f"one of them out",
                option=option,
            )
    require(payload)
    return True


def require(payload: Payload) -> Prediction:
    """Give the stored prediction.

    Raises:
        NoSuchMember: there is none; the message says how to store one.
    """
    found = read(payload)
    if found is None:
        raise NoSuchMember(
            "no prediction is stored with the model, so there is none to repeat; store one with "
            "bundle(model, example=inputs)",
            member=STRUCTURE,
        )
    return found


def replay(model: Any, payload: Payload) -> Probed:
    """Let a restored model predict on the stored inputs; it stays as it was restored.

    Raises:
        NoSuchMember: no prediction is stored.
        ProbeFailed: the model fails, or answers otherwise than it did.
    """
    stored = require(payload)
    try:
        outputs = _predicted(model, stored.inputs)
    except BundleError as error:
        raise ProbeFailed(
            f"the restored model does not answer the stored prediction: {error}",
            difference=math.inf,
            tolerance=0.0,
            output="",
        ) from error
    result = compared(model, stored.outputs, outputs)
    if not result.difference <= result.tolerance:
        raise ProbeFailed(
            f"the restored model {model.name!r} answers otherwise than it did when it was bundled: "
            f"the largest difference is {result.difference:.3g}, in {result.output!r} of "
            f"{result.outputs} outputs, and the tolerance {result.tolerance:.3g}; compare backend "
            f"and versions with those that `bundlekit inspect` shows, and the code of the model's "
            f"classes",
            difference=result.difference,
            tolerance=result.tolerance,
            output=result.output,
        )
    return result


def _predicted(model: Any, inputs: Nested) -> Nested:
    try:
        with untouched(model):
            tensors = nested.mapped(inputs, _tensor)
            outputs = calling.called(model, model, tensors, training=False)
            return nested.plain(outputs, "the prediction")
    except BundleError:
        raise
    except Exception as error:
        flat = nested.flatten(inputs, calling.first_argument(model))
        given = _shown((name, one.dtype.name, one.shape) for name, one in flat)
        known = signature_of(model)
        specs = known.inputs if known else ()
        takes = _shown((one.name, one.dtype, one.shape) for one in specs) or "not known"
        several = calling.required(model)
        hint = f"; give a dict with {', '.join(several)}" if len(several) > 1 else ""
        raise Unwritable(
            f"the model {model.name!r} cannot predict on the example: {_reason(error)}; given "
            f"{given}, expected {takes}{hint}",
            given=given,
            expected=takes,
        ) from error


def _reason(error: Exception) -> str:
    """Give what a layer said, without what Keras puts around it."""
    plain = _BOLD.sub("", innermost(error)).partition("\n\nArguments received by")[0]
    return " ".join(plain.rpartition(".call().\n\n")[2].split())


def _shown(specs: Iterable[tuple[str, str, Any]]) -> str:
    return ", ".join(f"{name}: {dtype} {tuple(shape)}" for name, dtype, shape in specs)


def _tensor(array: Any) -> Any:
    convert = require_keras().ops.convert_to_tensor
    return convert(array.tolist(), dtype="string") if array.dtype.kind == "O" else convert(array)


def _save(arrays: dict[str, Any]) -> bytes:
    from safetensors.numpy import save

    data: bytes = save(arrays)
    return data


def _read(payload: Payload) -> Prediction:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    found = payload.json(STRUCTURE)
    if not isinstance(found, dict) or set(found) != {"inputs", "outputs"}:
        raise Damaged(f"{STRUCTURE} does not hold inputs and outputs", member=STRUCTURE)
    try:
        arrays = load(bytes(payload.read(ARRAYS)))
    except (SafetensorError, ValueError, KeyError) as error:
        raise Damaged(f"{ARRAYS} is not sound: {error}", member=ARRAYS) from error
    used: set[str] = set()
    inputs, outputs = (
        nested.decode(found[key], arrays, used, STRUCTURE) for key in ("inputs", "outputs")
    )
    if used != set(arrays):
        raise Damaged(f"{ARRAYS} holds arrays that {STRUCTURE} does not name", member=ARRAYS)
    return Prediction(inputs, outputs)
