"""Parts of a composite that are inside of each other, or have something in common.

A generator is a part of its own, and a layer of the model that trains it; both have to be one
object again. So a part that is inside of another one is not stored, but the place where it is. Two
parts that merely share something come back with one each, and that is said.

For adapters of composites: `store` when packing, `require` when auditing, `Restoring` when
unpacking, with what `store` gave kept in a member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged, NotRestorable
from bundlekit.manifest import Loss
from bundlekit.need import some
from bundlekit.warning import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from bundlekit.adapter import Context, Out, Payload

Inside = dict[str, list[str]]
"""For each part that is not stored: in which other part it is, and at which place."""


def store(out: Out, parts: Mapping[str, Any]) -> tuple[Inside, tuple[Loss, ...]]:
    """Store parts, but for those that are inside of others.

    Args:
        out: where they go.
        parts: the live objects by the names of their parts, each once.

    Returns:
        Where the others are, and what parts share and will not share any more.
    """
    inside, losses = _shared(parts, out.inner)
    for name, obj in parts.items():
        if name not in inside:
            out.part(name, obj)
    if losses:
        said = "; ".join(loss.what for loss in losses)
        warn(
            f"what parts share comes back once for each: {said}; to train one of them will not "
            f"change the other; bundle one model that holds both, if that matters"
        )
    return inside, losses


def _shared(
    parts: Mapping[str, Any], inner: Callable[[Any], Mapping[str, Any]]
) -> tuple[Inside, tuple[Loss, ...]]:
    held = {
        name: {id(one): place for place, one in inner(obj).items()} for name, obj in parts.items()
    }
    around = {
        name: [other for other in parts if other != name and id(obj) in held[other]]
        for name, obj in parts.items()
    }
    inside: Inside = {}
    for name, others in around.items():
        outermost = [other for other in others if not around[other]]
        if outermost:
            inside[name] = [outermost[0], held[outermost[0]][id(parts[name])]]
    stored = [name for name in parts if name not in inside]
    losses = []
    for number, one in enumerate(stored):
        for other in stored[number + 1 :]:
            common = [held[one][each] for each in held[one] if each in held[other]]
            if common:
                what = f"that {one!r} and {other!r} share {some(common)}"
                losses.append(Loss(what=what, why="each comes back with its own"))
    return inside, tuple(losses)


def require(payload: Payload, used: Collection[str], inside: Any) -> None:
    """Make sure that the parts which a composite uses are stored, or inside of those that are.

    Raises:
        Damaged: one is not; the payload has others; `inside` is not what `store` gives.
    """
    stored = set(payload.parts)
    if not isinstance(inside, dict) or not all(
        isinstance(at, list) and [type(one) for one in at] == [str, str] and at[0] in stored
        for at in inside.values()
    ):
        raise Damaged("it does not say of each part that is inside of another one in which")
    if stored & inside.keys() or stored | inside.keys() != set(used) | {
        at[0] for at in inside.values()
    }:
        raise Damaged(
            f"it uses the parts {sorted(used)}; stored are {sorted(stored)}, and inside of these "
            f"{sorted(inside)}"
        )


class Restoring:
    """The parts of a composite, each restored when it is first asked for.

    Args:
        payload: the composite's.
        context: what `unpack` was given.
        inside: what `store` gave.
    """

    def __init__(self, payload: Payload, context: Context, inside: Inside) -> None:
        self._payload = payload
        self._context = context
        self._inside = inside
        self._restored: dict[str, Any] = {}
        self._held: dict[str, Mapping[str, Any]] = {}

    def __call__(self, name: str) -> Any:
        """Give the object of a part, the same one each time.

        Raises:
            NotRestorable: what it was inside of has nothing at that place.
        """
        if name in self._inside:
            return self._found(*self._inside[name])
        if name not in self._restored:
            self._restored[name] = self._context.restore(self._payload.parts[name])
        return self._restored[name]

    def _found(self, around: str, place: str) -> Any:
        if around not in self._held:
            obj = self(around)
            self._held[around] = self._context.inner(self._payload.parts[around], obj)
        held = self._held[around]
        if place not in held:
            raise NotRestorable(
                f"the restored part {around!r} has nothing at {place!r}, where a part was inside "
                f"of it; it has {some(list(held))}",
                place=place,
            )
        return held[place]
