"""Packing: from a live object to members and what describes them, objects inside it included."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from bundlekit import manifest as manifests
from bundlekit import strict_json, travel, writing
from bundlekit._registry import installed
from bundlekit._version import __version__
from bundlekit.adapter import Payload
from bundlekit.errors import BundleError, UnsupportedObject, Unwritable
from bundlekit.handle import unwrapped
from bundlekit.here import platform_name
from bundlekit.manifest import PART_NAME, Manifest, Part, part_prefix
from bundlekit.options import require_known
from bundlekit.writing import Content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bundlekit._registry import Installed
    from bundlekit.adapter import Description
    from bundlekit.manifest import Member
    from bundlekit.need import Need
    from bundlekit.pieces import Pieces
    from bundlekit.progress import Report
    from bundlekit.source import Buffer
    from bundlekit.tensor_index import Tensor


@dataclass(frozen=True)
class Packed:
    """One object as it will be stored."""

    payload: Payload
    contents: Mapping[str, Content]
    """Its members and those of all objects in it, by their full paths."""
    environment: Mapping[str, str]
    objects: Mapping[Need, object]
    """The live classes and functions that it takes."""

    def write(
        self, file: IO[bytes], metadata: Mapping[str, Any], report: Report | None = None
    ) -> Manifest:
        """Write the artifact."""
        return writing.write(file, self.contents, self.describing(metadata), report)

    def build(self, metadata: Mapping[str, Any], report: Report | None = None) -> bytes:
        """Make the artifact in memory."""
        return writing.build(self.contents, self.describing(metadata), report)[0]

    def describing(self, metadata: Mapping[str, Any]) -> Callable[[tuple[Member, ...]], Manifest]:
        """Give what makes the manifest, once the members' digests are known."""
        part = self.payload.part
        fields = {field: getattr(part, field) for field in part.__struct_fields__}
        fields |= {"environment": self.environment, "metadata": metadata}
        return lambda members: manifests.build(**fields, members=members)


def _no_begin(path: str, content: Content) -> None:
    """Leave it until all members are there."""


def pack(
    obj: object,
    adapter: str | None = None,
    *,
    name: str | None = None,
    options: Mapping[str, object],
    code: str = "auto",
    general: Iterable[str] = (),
    prefix: str = "",
    begin: Callable[[str, Content], None] = _no_begin,
) -> Packed:
    """Pack an object, and make sure that a reader would accept it.

    Args:
        obj: the object.
        adapter: the adapter to use, or `None` for the one that claims the object's type.
        name: what to call it instead of its own name.
        options: the adapter's.
        code: how classes and functions of the user's travel, see `travel.pack`.
        general: names of options that are not the adapter's, for the error about unknown ones.
        prefix: where its members go.
        begin: called with each member, and its full path, as soon as it is there.

    Raises:
        UnsupportedObject, AdapterMissing, AdapterBroken, AdapterConflict: no adapter to use.
        UnknownOption: an option that nobody knows.
        Unwritable: something that no artifact can hold, or that no reader would accept.
    """
    obj = unwrapped(obj)
    chosen = installed().choose(obj, adapter)
    require_known(options, adapter=chosen.name, own=chosen.adapter.pack_options, general=general)
    out = _Out(prefix, code, begin)
    described = chosen.adapter.pack(obj, out, options)
    carried = travel.pack(described.custom_objects, code, described.environment)
    contents = {prefix + path: content for path, content in out.contents.items()}
    contents |= {prefix + path: Content(data) for path, data in carried.members.items()}
    environment = {**environment_of(chosen), **described.environment}
    for inner in out.parts.values():
        contents |= inner.contents
        environment |= inner.environment
    parts = {key: inner.payload for key, inner in out.parts.items()}
    inner_parts = {key: inner.part for key, inner in parts.items()}
    part = _part(obj, chosen, described, name, carried.needs, out.tensors, inner_parts)
    members = {path: data for path, (data, _) in out.contents.items()}
    payload = Payload(part, members, parts, carried.members)
    _require_acceptable(payload, chosen)
    objects = dict(carried.objects)
    for inner in out.parts.values():
        objects |= inner.objects
    return Packed(payload, contents, environment, objects)


def require_plain(name: str | None, metadata: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Refuse a name or metadata that no manifest holds, before any work is done."""
    if not isinstance(name, str | None):
        raise Unwritable(f"name is {name!r}; expected a string")
    if not isinstance(metadata, Mapping | None):
        raise Unwritable(f"metadata is {type(metadata).__name__}; expected a dict of JSON")
    encoded = strict_json.encode([name, dict(metadata or {})], what="name or metadata")
    plain: list[Any] = json.loads(encoded)
    return dict(plain[1])


class _Out:
    """Where one object's adapter puts its members and the objects inside it."""

    def __init__(
        self, prefix: str, code: str, begin: Callable[[str, Content], None] = _no_begin
    ) -> None:
        self._prefix = prefix
        self._code = code
        self._begin = begin
        self.contents: dict[str, Content] = {}
        self.tensors: list[Tensor] = []
        self.parts: dict[str, Packed] = {}

    def add(
        self, path: str, data: Buffer | Pieces, *, tensors: bool | Iterable[Tensor] = False
    ) -> None:
        if path.startswith("parts/"):
            raise Unwritable(f"{path!r} is kept for parts; use out.part()", path=path)
        if path.startswith(travel.CODE):
            raise Unwritable(
                f"{path!r} is kept for code by value; name it in Description.custom_objects",
                path=path,
            )
        if path in self.contents:
            raise Unwritable(f"the member {path!r} is added twice", path=path)
        index = () if isinstance(tensors, bool) else tuple(tensors)
        self.tensors.extend(index)
        self.contents[path] = Content(data, tensors is True or bool(index))
        self._begin(self._prefix + path, self.contents[path])

    def add_json(self, path: str, value: object) -> None:
        self.add(path, strict_json.encode(value, what=path))

    def part(self, name: str, obj: object, adapter: str | None = None, **options: object) -> None:
        if not PART_NAME.fullmatch(name):
            form = PART_NAME.pattern
            raise Unwritable(f"the part name {name!r} is not of the form {form}", part=name)
        if name in self.parts:
            raise Unwritable(f"the part {name!r} is added twice", part=name)
        prefix = part_prefix(self._prefix, name)
        self.parts[name] = pack(
            obj, adapter, options=options, code=self._code, prefix=prefix, begin=self._begin
        )

    def adapter_of(self, obj: object) -> str | None:
        try:
            return installed().claiming(unwrapped(obj)).name
        except UnsupportedObject:
            return None

    def inner(self, obj: object) -> Mapping[str, Any]:
        return installed().claiming(obj).inner(obj)


def _part(
    obj: object,
    chosen: Installed,
    described: Description,
    name: str | None,
    custom_objects: tuple[Need, ...],
    tensors: Iterable[Tensor],
    parts: dict[str, Part],
) -> Part:
    return Part(
        adapter=chosen.name,
        payload_version=chosen.adapter.version,
        distribution=chosen.distribution,
        type=f"{type(obj).__module__}.{type(obj).__qualname__}",
        kind=described.kind,
        name=described.name if name is None else name,
        signature=described.signature,
        parameters=described.parameters,
        capabilities=tuple(sorted(set(described.capabilities))),
        losses=described.losses,
        states=tuple(sorted(set(described.states))),
        custom_objects=custom_objects,
        tensors=tuple(sorted(tensors, key=lambda tensor: tensor.path)),
        parts=parts,
    )


def _require_acceptable(payload: Payload, chosen: Installed) -> None:
    """Let the adapter audit what it has just packed, as every reader will."""
    try:
        chosen.adapter.audit(payload)
    except BundleError as error:
        raise Unwritable(
            f"{payload.part.type} {payload.part.name or ''} cannot be bundled, since no reader "
            f"would accept it: {error}",
            type=payload.part.type,
            name=payload.part.name,
        ) from error


def environment_of(chosen: Installed) -> dict[str, str]:
    """Name what writes the artifact, with versions; the adapter adds its framework's."""
    return {
        "bundlekit": __version__,
        chosen.distribution: chosen.distribution_version,
        "platform": platform_name(),
        "python": platform.python_version(),
    }
