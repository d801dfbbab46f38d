"""One object, there and back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from bundlekit.testing.comparison import compare, report
from bundlekit.testing.failures import FreshProcessFailed, RoundTripFailed
from bundlekit.testing.fresh import Case, restore_elsewhere
from bundlekit.testing.observers import observer_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bundlekit.bundle_type import Bundle
    from bundlekit.trust import Trust


def assert_roundtrip(
    obj: Any,
    inputs: Any,
    *,
    targets: Any = None,
    fresh_process: bool = True,
    adapter: str | None = None,
    custom_objects: Mapping[str, object] | None = None,
    trust: Trust | Sequence[str] | None = None,
    tolerance: float = 0.0,
) -> Bundle:
    """Bundle an object, restore it, and compare all that can be seen of both.

    Predictions, all variables, compile state, optimizer state, and the result of the next
    training step, after which the object is put back to where it was; an optimizer that has
    not taken a step yet is built by it.

    Args:
        obj: the live object.
        inputs: what to predict on and to train the next step on.
        targets: what to train the next step on; made up from the predictions if not given.
        fresh_process: restore in another interpreter, about 8 seconds for TensorFlow;
            otherwise in this one.
        adapter: the adapter to use.
        custom_objects: classes and functions that restoring takes. A fresh process imports
            them by their module and name.
        trust: what restoring trusts. Classes of a test module travel by value as a rule, since no
            fresh interpreter could import them: `Trust(code=True)`.
        tolerance: the largest absolute difference of numbers that passes; by default none.

    Returns:
        The bundle.

    Raises:
        RoundTripFailed: an `AssertionError` that says where the first difference is.
        FreshProcessFailed: the interpreter died, or cannot import one of `custom_objects`.

    Example:
        >>> assert_roundtrip(model, x)  # doctest: +SKIP
        <Bundle keras model 'mlp', 24.1 KiB, 5f3a4c…>
    """
    import bundlekit

    objects = dict(custom_objects or {})
    bundle = bundlekit.bundle(obj, adapter)
    observer = observer_for(bundle.manifest.adapter)
    before = [*observer.state(obj), *observer.behaviour(obj, inputs, targets)]
    if fresh_process:
        case = Case(
            name="object",
            obj=obj,
            inputs=inputs,
            targets=targets,
            custom_objects={name: _reference(name, own) for name, own in objects.items()},
            python_path=tuple(sys.path) if objects or trust else (),
            trust=trust,
        )
        after = restore_elsewhere(case, bytes(bundle))
    else:
        restored = bundlekit.unbundle(bundle, custom_objects=objects, trust=trust)
        after = [*observer.state(restored), *observer.behaviour(restored, inputs, targets)]
    differences = compare(before, after, tolerance=tolerance)
    if differences:
        raise RoundTripFailed(
            f"{bundle!r} came back different:\n{report(differences)}", differences=differences
        )
    return bundle


def _reference(name: str, obj: object) -> str:
    """Write a class or function as what a fresh interpreter can import.

    Raises:
        FreshProcessFailed: it cannot.
    """
    module, path = getattr(obj, "__module__", None), getattr(obj, "__qualname__", "<no name>")
    if module in (None, "__main__") or "<" in path:
        raise FreshProcessFailed(
            f"a fresh process cannot import {name!r}, which is {path} in {module}; define it at "
            f"the top of a module, let it travel by value with trust=Trust(code=True), or compare "
            f"in this process with fresh_process=False",
            name=name,
        )
    return f"{module}:{path}"
