"""What asking the user's objects must not change: names, random states, imports, themselves."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit.errors import NotBuilt
from bundlekit_keras import internals
from bundlekit_keras.framework import require_keras

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def undisturbed() -> Iterator[None]:
    """Leave automatic names and the random states of Python and numpy as they are.

    And import no TensorFlow, if nobody has; see `internals.importing_no_tensorflow`.
    """
    import numpy as np

    python, numpy = random.getstate(), np.random.get_state()
    with internals.unchanged_names(), internals.importing_no_tensorflow():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


@contextmanager
def untouched(model: Any) -> Iterator[None]:
    """Leave a model as it is while its code runs, and the process; also where that fails.

    No variable of Keras' is written: states of recurrent layers and of generators, statistics and
    running metrics change for the code that runs, and for nobody else. Attributes that the code
    sets on layers are put back, and so are variables of TensorFlow's own that a layer holds. What
    the code changes in place inside an attribute, such as a list, or elsewhere, stays changed.

    Unseeded random operations of Keras, Python and numpy begin at the same place every time.

    Raises:
        NotBuilt: the code calls a layer that is not built, which would give the model variables.
    """
    layers = internals.all_layers(model)
    with (
        undisturbed(),
        internals.seeded(),
        attributes_put_back(layers),
        require_keras().StatelessScope(),
    ):
        import numpy as np

        random.seed(0)
        np.random.seed(0)
        for layer in layers:
            if not layer.built:
                vars(layer)["build"] = _refusing(layer.name)
        yield


def _refusing(name: str) -> Callable[..., None]:
    def build(*arguments: Any, **named: Any) -> None:
        raise NotBuilt(
            f"the layer {name!r} is not built: it has no weights yet; call the model on data first",
            layers=(name,),
        )

    return build


@contextmanager
def attributes_put_back(layers: list[Any]) -> Iterator[None]:
    """Put back what is set on layers for a while, and in variables of TensorFlow's own there."""
    attributes = [(vars(layer), dict(vars(layer))) for layer in layers]
    held = [value for _, before in attributes for value in before.values()]
    foreign = [(one, one.read_value()) for one in held if hasattr(one, "read_value")]
    try:
        yield
    finally:
        for now, before in attributes:
            for name in now.keys() - before.keys():
                del now[name]
            now.update(before)
        for variable, value in foreign:
            variable.assign(value)
