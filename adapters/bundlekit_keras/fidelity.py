"""What a Keras file keeps of a model, what it does not, and what it would get wrong.

What is not kept is declared in the manifest. What would come back as something else without a
word is refused when bundling.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Loss
from bundlekit.errors import Damaged, NotRestorable, Unwritable
from bundlekit.warning import warn
from bundlekit_keras import internals
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit.source import Buffer


def require_storable(model: Any) -> None:
    """Refuse what Keras would store as something else.

    Raises:
        Unwritable: an adapted vocabulary whose words hold line ends, which is what Keras
            separates words with; the mask of a Lambda layer that is a function, which Keras does
            not turn back into one.
    """
    for layer in layers(model):
        _require_plain_words(layer)
        if isinstance(layer, require_keras().layers.Lambda) and callable(layer.mask):
            raise Unwritable(
                f"the mask of the Lambda layer {layer.name!r} is a function, which Keras loads as "
                f"the config of a function; write a layer with compute_mask instead",
                layer=layer.name,
            )


def capabilities(model: Any, config: dict[str, Any]) -> tuple[str, ...]:
    """Tell what the restored model can do."""
    if not config.get("compile_config") or _compiles_in_its_own_way(model):
        return ("predict",)
    resume = ("resume",) if _has_slots(model) and _slots_fit(model) else ()
    return ("predict", "evaluate", "fit", *resume)


def losses(model: Any) -> tuple[Loss, ...]:
    """Tell what is not kept; a lost optimizer state is also a warning."""
    found = []
    if _has_slots(model) and not _slots_fit(model):
        found.append(
            Loss(
                what="optimizer state",
                why="the optimizer was built for other variables than those that are trainable now",
            )
        )
        warn(f"the optimizer state of the model {model.name!r} is not kept: {found[0].why}")
    if model.compiled and _compiles_in_its_own_way(model):
        why = "its class overrides compile() and not compile_from_config(); compile it again"
        found.append(Loss(what="compile arguments", why=why))
    keras = require_keras()
    running = (keras.ops.convert_to_numpy(variable) for variable in model.metrics_variables)
    if any(value.any() for value in running):
        why = "Keras does not store the accumulators of metrics; they start at zero again"
        found.append(Loss(what="running metrics", why=why))
    inside = list(layers(model))
    found += _of_layers(
        "trainable of containers",
        [layer for layer in inside if _forgets_to_be_frozen(layer)],
        "Keras stores trainable=False of the layers in {}, not their own",
    )
    found += _of_layers(
        "unmerged LoRA weights",
        [layer for layer in inside if getattr(layer, "lora_enabled", False)],
        "Keras merges the LoRA weights of {} into their kernels",
    )
    found += _of_layers(
        "recurrent states",
        [layer for layer in inside if getattr(layer, "stateful", False) is True],
        "Keras does not store the states of {}; they start at zero again",
    )
    return tuple(found)


def require_slots(model: Any, weights: Buffer) -> None:
    """Make sure that every stored variable of the optimizer had a place.

    Keras only warns where it had not, and goes on with a new optimizer.

    Raises:
        NotRestorable: with both numbers.
    """
    import h5py

    found = optimizers(model)
    if not found:
        raise Damaged(
            "the manifest says that the model can resume its training, and its config holds no "
            "optimizer; the file was changed or not written by bundlekit"
        )
    plain = require_keras().optimizers.Optimizer
    with h5py.File(io.BytesIO(weights), "r") as file:
        for name, optimizer in found.items():
            if type(optimizer).save_own_variables is not plain.save_own_variables:
                continue  # it stores what it likes
            stored = len(file[f"{name}/vars"]) if f"{name}/vars" in file else 0
            variables = len(optimizer.variables)
            if stored != variables:
                raise NotRestorable(
                    f"the artifact holds {stored} variables of the {name}, and the rebuilt one has "
                    f"{variables}; its state would be lost",
                    found=stored,
                    expected=variables,
                )


def layers(layer: Any) -> Iterator[Any]:
    """Yield a layer and all that it lists as its own, outermost first."""
    seen: set[int] = set()
    pending = [layer]
    while pending:
        current = pending.pop(0)
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            inner = getattr(current, "layers", ())
            pending.extend(inner if isinstance(inner, list | tuple) else ())


def unbuilt_inside(model: Any) -> list[Any]:
    """Give the layers that wait for the first call of a `Sequential` that says that it is built."""
    sequential = require_keras().Sequential
    chains = [one for one in layers(model) if isinstance(one, sequential) and one.built]
    return [layer for chain in chains for layer in chain.layers if not layer.built]


def _of_layers(what: str, layers: list[Any], why: str) -> list[Loss]:
    names = ", ".join(sorted({layer.name for layer in layers}))
    return [Loss(what=what, why=why.format(names))] if names else []


def _forgets_to_be_frozen(layer: Any) -> bool:
    # Its config says so, and its from_config does not read it.
    return isinstance(layer, require_keras().Sequential) and not layer.trainable


def _compiles_in_its_own_way(model: Any) -> bool:
    plain = require_keras().Model
    own = type(model).compile is not plain.compile
    return own and type(model).compile_from_config is plain.compile_from_config


def optimizers(model: Any) -> dict[str, Any]:
    """Give the optimizers that Keras stores with a model, by attribute: a GAN has several."""
    kind = require_keras().optimizers.Optimizer
    return {name: found for name, found in vars(model).items() if isinstance(found, kind)}


def _has_slots(model: Any) -> bool:
    return any(optimizer.built for optimizer in optimizers(model).values())


def _slots_fit(model: Any) -> bool:
    """Whether Keras, which builds for what is trainable, would build the same slots."""
    if not getattr(model.optimizer, "built", False):
        return True  # the model has others, and its class builds them
    built_for = internals.optimizer_variables(model.optimizer)
    if built_for is None:
        return True
    return [id(v) for v in built_for] == [id(v) for v in model.trainable_variables]


def _require_plain_words(layer: Any) -> None:
    if not hasattr(layer, "get_vocabulary") or layer.get_config().get("vocabulary") is not None:
        return
    try:
        words = layer.get_vocabulary()
    except Exception:
        return  # it has none yet
    broken = [w for w in words if isinstance(w, str) and w and w.splitlines() != [w]]
    if broken:
        raise Unwritable(
            f"the vocabulary of the layer {layer.name!r} has the word {broken[0]!r}; Keras stores "
            f"one word in a line, and would load others; replace line ends before adapt()",
            layer=layer.name,
            word=broken[0],
        )
