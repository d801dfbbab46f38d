"""The record of a model's variables: which there are, where each is stored, and what it is.

It stands beside the arrays, and with the tensor index of the manifest it says all that has to
come back: every variable has exactly one tensor, and every tensor one variable, or is one of the
arrays that objects store instead of their variables. It is read without Keras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from bundlekit.errors import Damaged

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bundlekit.adapter import Payload, Tensor

MEMBER = "variables.json"


class _Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A frozen, closed record."""


class Variable(_Value, frozen=True, kw_only=True):
    """One variable of a model."""

    path: str
    """Its path in the account of the model, and that of its tensor."""
    name: str
    """What the model calls it."""
    kind: str = "weight"
    """`weight`, `optimizer`, `metric`, `random`, or another `state`."""
    trainable: bool = False
    """Its own flag."""
    also: tuple[str, ...] = ()
    """The tensors that hold it once more, for objects that share it."""
    attribute: str | None = None
    """Of what was set on a container of Keras' own, which makes none itself: under which name."""

    @property
    def place(self) -> str:
        """The place of the object that holds it, where it is one of its attributes."""
        place, mark, _ = f"/{self.path}".rpartition("/vars/")
        return (place if mark else self.path.rpartition("/")[0]).strip("/")


class Array(_Value, frozen=True, kw_only=True):
    """A tensor that is no variable: what an object stores instead, such as a merged kernel."""

    path: str
    name: str


Mode: TypeAlias = Literal["int8", "int4", "float8", "gptq", "awq"]
"""How Keras quantises."""


class Layer(_Value, frozen=True, kw_only=True):
    """What a layer is set to, and its config may not say."""

    trainable: bool
    dtype: str
    """The name of its dtype policy."""
    mode: Mode | None = None
    """How it is quantised."""
    lora: tuple[int, int | float] | None = None
    """Rank and alpha of its LoRA weights."""


class Record(_Value, frozen=True, kw_only=True):
    """All variables of a model."""

    variables: tuple[Variable, ...]
    """The weights in the order of the model's, then the others."""
    arrays: tuple[Array, ...] = ()
    trained: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """By the place of each optimizer: the variables that it was built for, in its order."""
    metrics: dict[str, str] = msgspec.field(default_factory=dict)
    """By the place of each metric: what it measures."""
    layers: dict[str, Layer] = msgspec.field(default_factory=dict)
    """By place."""
    not_indexed: tuple[str, ...] = ()
    """The paths of arrays that no tensor index lists, such as texts: they are no numbers."""

    def __post_init__(self) -> None:
        paths = [path for one in self.variables for path in (one.path, *one.also)]
        paths += [one.path for one in self.arrays]
        if len(paths) != len(set(paths)):
            twice = sorted({path for path in paths if paths.count(path) > 1})
            raise ValueError(f"{', '.join(twice[:5])} are listed twice")
        known = {one.path for one in self.variables}
        for place, trained in self.trained.items():
            if not known.issuperset(trained):
                raise ValueError(f"{place} was made for variables that are not listed")

    def without(self, *kinds: str) -> Record:
        """Give the record without the variables of some kinds."""
        return msgspec.structs.replace(
            self,
            variables=tuple(one for one in self.variables if one.kind not in kinds),
            trained={} if "optimizer" in kinds else self.trained,
            metrics={} if "metric" in kinds else self.metrics,
        )

    def with_metrics(self, places: Collection[str]) -> Record:
        """Give the record with the metrics at some places alone."""
        return msgspec.structs.replace(
            self,
            variables=tuple(
                one for one in self.variables if one.kind != "metric" or one.place in places
            ),
            metrics={place: kind for place, kind in self.metrics.items() if place in places},
        )

    @property
    def paths(self) -> frozenset[str]:
        """The paths of all tensors."""
        own = (path for one in self.variables for path in (one.path, *one.also))
        return frozenset((*own, *(one.path for one in self.arrays)))

    @property
    def names(self) -> Mapping[str, str]:
        """The names of weights by path, in the model's order, and of what stands for some."""
        weights = {one.path: one.name for one in self.variables if one.kind == "weight"}
        return weights | {one.path: one.name for one in self.arrays}


def of(payload: Payload) -> Record | None:
    """Read the record of a payload; `None` where it has none, as in files of others.

    Raises:
        Damaged: it is no such record.
    """
    if MEMBER not in payload.paths:
        return None

    def read() -> Record:
        try:
            return msgspec.convert(payload.json(MEMBER), Record, strict=True)
        except msgspec.ValidationError as error:
            raise Damaged(f"{MEMBER} is no record of variables: {error}", member=MEMBER) from error

    found: Record = payload.once(MEMBER, read)
    return found


def require_indexed(record: Record, tensors: tuple[Tensor, ...]) -> None:
    """Make sure that the tensor index lists what the record does, and no more.

    And that LoRA weights are as large as it says, before anybody makes some.

    Raises:
        Damaged: naming the tensors.
    """
    for place, layer in record.layers.items():
        if layer.lora is None:
            continue
        sizes = {size for one in tensors if one.path.startswith(place) for size in one.shape}
        if layer.lora[0] not in sizes:
            raise Damaged(
                f"{MEMBER} says that {place} has LoRA weights of rank {layer.lora[0]}, and no "
                f"tensor of it has that size",
                place=place,
            )
    indexed = {tensor.path for tensor in tensors}
    for what, paths in (
        ("lists no tensor for", record.paths - indexed),
        ("lists tensors of no variable:", indexed - record.paths),
    ):
        if paths:
            shown = ", ".join(sorted(paths)[:5])
            raise Damaged(
                f"the tensor index {what} {shown}; {MEMBER} lists {len(record.paths)}, the index "
                f"{len(indexed)}; the file was changed or not written by bundlekit",
                paths=tuple(sorted(paths)),
            )


def plain(record: Record) -> object:
    """Give a record as JSON."""
    return msgspec.to_builtins(record)
