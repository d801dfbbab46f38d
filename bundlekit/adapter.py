"""What an author of an adapter needs, and nothing else.

An adapter teaches bundlekit one representation of one family of objects. It is a class with
a few attributes and three methods, named in the entry-point group `bundlekit.adapters`:

    [project.entry-points."bundlekit.adapters"]
    acme = "acme_bundle:AcmeAdapter"

The module that holds it must not import its framework when it is imported; the methods do.
`bundlekit.testing.AdapterContract` is the test class that tells whether it keeps its word.

Example:
    >>> class FractionAdapter:
    ...     name = "fraction"
    ...     version = 1
    ...     reads = (1,)
    ...     types = ("fractions.Fraction",)
    ...     default = True
    ...     deterministic = True
    ...     pack_options = ()
    ...     unpack_options = ()
    ...
    ...     def pack(self, obj, out, options):
    ...         out.add_json("fraction.json", [obj.numerator, obj.denominator])
    ...         return Description(kind="fraction")
    ...
    ...     def audit(self, payload):
    ...         payload.json("fraction.json")
    ...         return ()
    ...
    ...     def unpack(self, payload, context):
    ...         from fractions import Fraction
    ...
    ...         return Fraction(*payload.json("fraction.json"))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from bundlekit.foreign import Foreign
from bundlekit.manifest import Loss, Part, Signature, TensorSpec
from bundlekit.need import Need
from bundlekit.payload import MAX_JSON_DEPTH, MAX_JSON_SIZE, Payload
from bundlekit.pieces import Pieces
from bundlekit.tensor_index import ITEM_SIZES, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bundlekit.source import Buffer

__all__ = [
    "ITEM_SIZES",
    "MAX_JSON_DEPTH",
    "MAX_JSON_SIZE",
    "Adapter",
    "Adopted",
    "Context",
    "CustomObject",
    "Description",
    "Foreign",
    "Known",
    "Loss",
    "Need",
    "Out",
    "Part",
    "Payload",
    "Pieces",
    "Probed",
    "Signature",
    "Tensor",
    "TensorSpec",
]


@dataclass(frozen=True, kw_only=True)
class Description:
    """What `pack` says of the object, for the manifest."""

    kind: str
    name: str | None = None
    signature: Signature | None = None
    parameters: int | None = None
    capabilities: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()
    states: tuple[str, ...] = ()
    """What is kept besides the weights: `optimizer`, `random`, …"""
    custom_objects: tuple[CustomObject, ...] = ()
    """The classes and functions of the user's that restoring it takes."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Names and versions of what the object was made with: framework, backend, …"""


@dataclass(frozen=True, kw_only=True)
class CustomObject:
    """A class or function that `pack` met and that is not the framework's own."""

    obj: Any
    """The live class or function."""
    name: str
    """The name that the framework registers it under, such as `acme>Scale`."""
    kind: str
    """What it is in the framework's terms: `layer`, `loss`, `function`, …, or `lambda`."""
    where: tuple[str, ...]
    """The places in the artifact that use it, in order."""
    optional: bool = False
    """Whether something less can be restored without it."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a framework knows by name in this process, without anything being imported."""

    scoped: Mapping[str, object] = field(default_factory=dict)
    """Objects of the scopes that the calling thread has open, the inner one's first."""
    registered: Mapping[str, object] = field(default_factory=dict)
    """Objects of the registry of the process."""
    elsewhere: Mapping[str, object] = field(default_factory=dict)
    """Objects of scopes that other threads have open; used where their source is the recorded."""


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """What an adapter makes of a file or folder that bundlekit did not write."""

    members: Mapping[str, Buffer]
    """The original bytes, where they are sound, by the paths that `unpack` finds them under."""
    description: Description
    """What can be told without the framework; `environment` names the writer's versions."""
    type: str
    """The object's type, as dotted name."""
    written_by: str
    """Who wrote it, for people: `Keras 2.12.0`, `tf_keras 2.21.0`, …"""


@dataclass(frozen=True, kw_only=True)
class Probed:
    """How far the answers of a restored object are from those that were stored with it.

    They are within the tolerance: where they are not, there is a `ProbeFailed` instead.
    """

    difference: float
    """The largest, in the output that comes nearest to its tolerance."""
    tolerance: float
    """What would have passed in that output."""
    output: str
    """The name of that output."""
    outputs: int
    """How many there are."""


class Out(Protocol):
    """Where `pack` puts members; paths are relative to the object that is packed."""

    def add(
        self, path: str, data: Buffer | Pieces, *, tensors: bool | Iterable[Tensor] = False
    ) -> None:
        """Add a member; `tensors` says that it holds arrays in bulk, to be laid out first.

        Where it is known which arrays, and where each lies, `tensors` is their index. `Pieces` are
        for what is in memory in many places, such as live tensors: it is copied when it is written.
        """
        ...

    def add_json(self, path: str, value: object) -> None:
        """Add a member in canonical JSON."""
        ...

    def part(self, name: str, obj: object, adapter: str | None = None, **options: object) -> None:
        """Store an object inside this one, by its own adapter, as the part `name`."""
        ...

    def adapter_of(self, obj: object) -> str | None:
        """Name the adapter that would store an object as a part; `None` if nobody claims it."""
        ...

    def inner(self, obj: object) -> Mapping[str, Any]:
        """Give what is inside of a part's object and may be held elsewhere too, by place."""
        ...


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the caller of `unbundle` gave and allowed."""

    restore: Callable[[Payload], Any]
    """Restores the object of a part, `payload.parts[name]`, under the same conditions."""
    inner: Callable[[Payload, Any], Mapping[str, Any]] = lambda payload, obj: {}
    """Gives what is inside of a part's restored object, by the places that it had."""
    custom_objects: Mapping[str, object] = field(default_factory=dict)
    """Classes and functions by name, as the caller gave them."""
    needs: tuple[Need, ...] = ()
    """What `audit` found in this payload."""
    objects: Mapping[Need, object] = field(default_factory=dict)
    """The class or function for each need: all of them, found before anything is built."""
    missing: tuple[Need, ...] = ()
    """The optional needs that were neither found nor allowed."""
    isolated: bool = False
    """Whether nothing but `objects` may be used: neither scopes nor registries of the process."""
    options: Mapping[str, object] = field(default_factory=dict)
    """The adapter's own options."""


class Adapter(Protocol):
    """One representation of one family of objects.

    Eight more methods it may have, or not. `known(self) -> Known`, of a framework that has scopes
    or a registry of the user's classes, tells what is in them and imports nothing;
    `scoped(self) -> Mapping[str, object]` tells of the calling thread's scopes alone, at no cost.
    `needed(self, needs, options)` gives those of the audited needs that `unpack` takes with these
    options, as a tuple.
    `adopt(self, foreign: Foreign) -> Adopted | None` takes what the framework's own writers have
    written, recognised by content; `None` says that it is something else. It imports no framework.
    `requires(self, payload: Payload) -> tuple[str, ...]` names the packages that `unpack` takes to
    restore a payload, as `environment` calls them, such as `keras>=3.6`; `backend` is the one that
    Keras has in this process. It imports no framework. Where their versions are not those of the
    writer, the caller is told.
    `probe(self, obj: Any, payload: Payload) -> Probed` asks an object that `unpack` gave what was
    asked when it was bundled, and raises `ProbeFailed` where the answer is another one.
    `inner(self, obj: Any) -> Mapping[str, Any]` gives what is inside of an object and may be held
    elsewhere too, such as layers, by a place that means the same in the restored object.
    `deep(self, payload: Payload) -> None` compares the tensor index with what the format of the
    members itself says of where its arrays lie, and raises `Damaged` where they differ.

    `marks` are names of attributes of classes, such as `__dataclass_fields__`: it takes those that
    have one and that nobody claims by name.

    And it may say of itself, for people: `members`, what it writes; `gives`, what comes back;
    `keeps` and `loses`, what that has of the object and what it has not.
    """

    name: str
    """What users call it: `bundle(obj, "name")`."""
    version: int
    """The version of the payload that `pack` writes, from 1 up."""
    reads: tuple[int, ...]
    """The payload versions that `unpack` reads, its own among them."""
    types: tuple[str, ...]
    """The types it takes, subclasses included, as dotted names, compared without importing."""
    default: bool | tuple[str, ...]
    """Whether it is the one to use for its types when the user names none; or for which of them."""
    deterministic: bool
    """Whether the same object gives the same bytes; false where the framework's own
    serializer does not."""
    pack_options: tuple[str, ...]
    """The options that `pack` knows."""
    unpack_options: tuple[str, ...]
    """The options that `unpack` knows."""

    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write the object's members and say what it is; the object is not changed."""
        ...

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Say what `unpack` would need from outside, from the raw members alone.

        It imports no framework, and refuses what must never be unpacked.
        """
        ...

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Build the object from the payload that `audit` has seen."""
        ...
