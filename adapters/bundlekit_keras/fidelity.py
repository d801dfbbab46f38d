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
from bundlekit_keras import attached, running_metrics
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bundlekit.adapter import Signature
    from bundlekit.source import Buffer
    from bundlekit_keras.account import Account
    from bundlekit_keras.exact import Kept


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


def kinds_left_out(model: Any, *, optimizer: bool) -> tuple[str, ...]:
    """Name the kinds of variables that are not kept of a model: those that nothing could hold.

    Args:
        model: the model.
        optimizer: whether the state of optimizers is wanted.
    """
    if model.compiled and _compiles_in_its_own_way(model):
        return ("optimizer", "metric")
    return () if optimizer else ("optimizer",)


def capabilities(model: Any, config: dict[str, Any], kept: Kept) -> tuple[str, ...]:
    """Tell what the restored model can do."""
    if not config.get("compile_config") or _compiles_in_its_own_way(model):
        return ("predict",)
    resume = ("resume",) if kept.record.trained else ()
    return ("predict", "evaluate", "fit", *resume)


def losses(
    model: Any, account: Account, kept: Kept, signature: Signature | None, *, optimizer: bool
) -> tuple[Loss, ...]:
    """Tell what is not kept; an optimizer state that is lost against the will is also a warning."""
    found = []
    aside = sorted(set(attached.left_out(account).values()))
    if model.compiled and _compiles_in_its_own_way(model):
        why = "its class overrides compile() and not compile_from_config(); compile it again"
        found.append(Loss(what="compile arguments", why=why))
    elif not optimizer:
        why = "left out, as was asked for with optimizer='drop'; the optimizer starts anew"
        found.append(Loss(what="optimizer state", why=why))
    elif any(
        one.built and place not in kept.record.trained and not attached.is_in(place, aside)
        for place, one in account.optimizers.items()
    ):
        why = "it was built for variables that are not the model's"
        found.append(Loss(what="optimizer state", why=why))
        warn(f"the optimizer state of the model {model.name!r} is not kept: {why}")
    if aside:
        why = (
            f"{', '.join(aside)} were set on a container of Keras' own after it was made, and its "
            f"config does not tell of them; set them again, or make them in a class of yours"
        )
        found.append(Loss(what="attributes", why=why))
        warn(f"attributes of the model {model.name!r} are not kept: {why}")
    whys = running_metrics.losses(account, signature)
    return tuple(found + [Loss(what="running metrics", why=why) for why in whys])


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


def _compiles_in_its_own_way(model: Any) -> bool:
    plain = require_keras().Model
    own = type(model).compile is not plain.compile
    return own and type(model).compile_from_config is plain.compile_from_config


def optimizers(model: Any) -> dict[str, Any]:
    """Give the optimizers that Keras stores with a model, by attribute: a GAN has several."""
    kind = require_keras().optimizers.Optimizer
    return {name: found for name, found in vars(model).items() if isinstance(found, kind)}


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
