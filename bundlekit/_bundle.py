"""The verbs, and the only module that sees all the others.

bundle:    object -> registry (who) -> adapter.pack (members) -> manifest -> artifact -> bytes
unbundle:  bytes -> artifact (layout, manifest, digests) -> registry (who)
-> adapter.audit (needs) -> adapter.unpack -> object
"""

from __future__ import annotations

import difflib
import io
import os
import platform
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, NoReturn

from bundlekit import manifest as manifests
from bundlekit import strict_json
from bundlekit._registry import installed
from bundlekit._version import __version__
from bundlekit.adapter import Context, Description, Need, Payload
from bundlekit.artifact import Artifact, Content, write
from bundlekit.atomic import check, replacing
from bundlekit.bundle_type import Bundle
from bundlekit.errors import TooNew, UnknownOption, Unwritable
from bundlekit.manifest import PART_NAME, Manifest, Part, part_prefix
from bundlekit.source import opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bundlekit._registry import Record
    from bundlekit.manifest import Member
    from bundlekit.source import Buffer, Readable


def bundle(
    obj: Any,
    adapter: str | None = None,
    *,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    **options: object,
) -> Bundle:
    """Turn a live object into one self-contained artifact; the object is not changed.

    The same object, versions and options give the same bytes, wherever and whenever.

    Args:
        obj: what to keep, such as a built Keras model.
        adapter: the representation to use; by default the one that claims the object's type.
        name: what to call it in the manifest, instead of the object's own name.
        metadata: any JSON of yours, stored in the manifest.
        **options: of the adapter.

    Raises:
        UnsupportedObject: no installed adapter takes the object.
        UnknownOption: the adapter has no such option; the message names the closest.
        NotBuilt: the model has no weights yet.
        BundleError: the base of all that can go wrong.

    Example:
        >>> bundled = bundlekit.bundle(model, metadata={"run": 7})  # doctest: +SKIP
        >>> bundled.save("model.bundle")  # doctest: +SKIP
    """
    return Bundle(dumps(obj, adapter, name=name, metadata=metadata, **options))


def dumps(
    obj: Any,
    adapter: str | None = None,
    *,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    **options: object,
) -> bytes:
    """Turn a live object into the bytes of an artifact; see `bundle`.

    Example:
        >>> data = bundlekit.dumps(model)  # doctest: +SKIP
    """
    packed = _pack(obj, adapter, name, metadata, options, known=("name", "metadata"))
    file = io.BytesIO()
    packed.write(file)
    return file.getvalue()


def dump(
    obj: Any,
    target: str | os.PathLike[str] | IO[bytes],
    adapter: str | None = None,
    *,
    overwrite: bool = False,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    **options: object,
) -> str:
    """Write a live object's artifact to a file, whole or not at all; see `bundle`.

    Args:
        obj: what to keep.
        target: a path, or a binary file open for writing.
        adapter: the representation to use.
        overwrite: whether a file at the path may be replaced.
        name: what to call it in the manifest.
        metadata: any JSON of yours.
        **options: of the adapter.

    Returns:
        The artifact's digest.

    Raises:
        TargetExists: there is a file at the path and `overwrite` is false.
        TargetUnusable: the path is a folder, or cannot be written.
        BundleError: as `bundle`.

    Example:
        >>> bundlekit.dump(model, "model.bundle")  # doctest: +SKIP
    """
    known = ("overwrite", "name", "metadata")
    if not isinstance(target, str | os.PathLike):
        return _pack(obj, adapter, name, metadata, options, known).write(target).digest
    check(target, overwrite=overwrite)
    packed = _pack(obj, adapter, name, metadata, options, known)
    with replacing(target, overwrite=overwrite) as file:
        return packed.write(file).digest


def unbundle(
    source: Readable,
    *,
    custom_objects: Mapping[str, object] | None = None,
    **options: object,
) -> Any:
    """Turn an artifact back into the object, in any process.

    Everything is checked before anything is built: size, layout, manifest, digests, and what
    the artifact needs. Nothing that it carries or names is executed or imported but the
    built-in classes of its framework and what is given here.

    Args:
        source: a `Bundle`, bytes, a path, or a binary file, seekable or not.
        custom_objects: classes and functions that the object is made of, by name.
        **options: of the adapter.

    Raises:
        NotABundle, Damaged, LimitExceeded, TooNew: the source is not sound.
        AdapterMissing, FrameworkMissing: what to install to restore it.
        MissingCustomObjects: all classes and functions that should have been given.
        NotRestorable: the framework failed to build it.

    Example:
        >>> model = bundlekit.unbundle("model.bundle")  # doctest: +SKIP
    """
    with opened(source) as found:
        artifact = Artifact(found)
        records = _adapters(artifact.manifest)
        _check_options(
            options, _adapter(records[""]).unpack_options, ("custom_objects",), records[""]
        )
        payload = _payload(artifact)
    return _Unpacking(records, custom_objects or {}).restore_all(payload, options)


def load(
    source: Readable,
    *,
    custom_objects: Mapping[str, object] | None = None,
    **options: object,
) -> Any:
    """Read an artifact from a file; the same as `unbundle`, under the name that pairs with `dump`.

    Example:
        >>> model = bundlekit.load("model.bundle")  # doctest: +SKIP
    """
    return unbundle(source, custom_objects=custom_objects, **options)


def loads(
    data: Buffer,
    *,
    custom_objects: Mapping[str, object] | None = None,
    **options: object,
) -> Any:
    """Read an artifact from bytes; the same as `unbundle`, under the name that pairs with `dumps`.

    Example:
        >>> model = bundlekit.loads(data)  # doctest: +SKIP
    """
    return unbundle(data, custom_objects=custom_objects, **options)


def inspect(source: Readable) -> Manifest:
    """Read what an artifact says about itself.

    Checks layout and manifest, hashes nothing else, imports no framework, and reads only the
    end of a file. The adapter need not be installed, and may be older than the artifact's.

    Raises:
        NotABundle, Damaged, LimitExceeded, TooNew: the source is not sound.

    Example:
        >>> bundlekit.inspect("model.bundle").capabilities  # doctest: +SKIP
        ('evaluate', 'fit', 'predict')
    """
    with opened(source) as found:
        return Artifact(found).manifest


@dataclass(frozen=True)
class Verification:
    """What `verify` has checked and found sound."""

    manifest: Manifest
    digest: str
    size: int
    """Bytes of the whole artifact."""
    needs: tuple[Need, ...]
    """The classes and functions that restoring it takes."""
    unaudited: tuple[str, ...]
    """Adapters that the artifact names and this environment cannot ask."""


def verify(source: Readable) -> Verification:
    """Check everything that can be checked without a framework; see `Verification`.

    Layout, manifest, every member's sha256 and CRC-32, and the adapters' audit of the raw
    members. Nothing is built.

    Raises:
        NotABundle, Damaged, LimitExceeded, TooNew, Refused: the first fault that was found.

    Example:
        >>> bundlekit.verify("model.bundle").digest  # doctest: +SKIP
        '5f3a…'
    """
    registry = installed()
    with opened(source) as found:
        artifact = Artifact(found)
        artifact.check_crc()
        payload = _payload(artifact)
    needs: list[Need] = []
    unaudited: list[str] = []
    usable = {record.name: record for record in registry.usable}
    for inner in _walk(payload):
        record = usable.get(inner.part.adapter)
        if record is None or inner.part.payload_version not in _adapter(record).reads:
            unaudited.append(inner.part.adapter)
        else:
            needs.extend(_adapter(record).audit(inner))
    return Verification(
        artifact.manifest, artifact.digest, artifact.source.size, tuple(needs), tuple(unaudited)
    )


# --- object -> bytes ----------------------------------------------------------------------


class _Packed:
    """The members and parts of one object and of all objects in it, as they are packed."""

    def __init__(self) -> None:
        self.contents: dict[str, Content] = {}
        self.environment = {
            "bundlekit": __version__,
            "platform": f"{platform.system()}-{platform.machine()}".lower(),
            "python": platform.python_version(),
        }
        self.part: Part
        self.metadata: Mapping[str, Any] = {}

    def pack(
        self,
        obj: object,
        record: Record,
        prefix: str,
        name: str | None,
        options: Mapping[str, object],
    ) -> Part:
        adapter = _adapter(record)
        out = _Out(self, prefix)
        described = adapter.pack(obj, out, options)
        self.environment |= {record.distribution: record.distribution_version}
        self.environment |= described.environment
        return _describe(obj, record, described, name, out.parts)

    def write(self, file: IO[bytes]) -> Manifest:
        root = {field: getattr(self.part, field) for field in Part.__struct_fields__}
        return write(
            file,
            self.contents,
            lambda members: manifests.build(
                **root,
                members=members,
                environment=self.environment,
                metadata=dict(self.metadata),
            ),
        )


class _Out:
    """Where one object's adapter puts its members."""

    def __init__(self, packed: _Packed, prefix: str) -> None:
        self._packed = packed
        self._prefix = prefix
        self.parts: dict[str, Part] = {}

    def add(self, path: str, data: Buffer, *, tensors: bool = False) -> None:
        if path.startswith("parts/"):
            raise Unwritable(
                f"the member name {path!r} is kept for parts; use out.part()", path=path
            )
        full = self._prefix + path
        if full in self._packed.contents:
            raise Unwritable(f"the member {full!r} is added twice", path=full)
        self._packed.contents[full] = Content(data, tensors)

    def add_json(self, path: str, value: object) -> None:
        self.add(path, strict_json.encode(value, what=path))

    def part(self, name: str, obj: object, adapter: str | None = None, **options: object) -> None:
        if not PART_NAME.fullmatch(name):
            raise Unwritable(
                f"the part name {name!r} is not of the form {PART_NAME.pattern}", part=name
            )
        if name in self.parts:
            raise Unwritable(f"the part {name!r} is added twice", part=name)
        record = _record_for(obj, adapter)
        _check_options(options, _adapter(record).pack_options, (), record)
        prefix = part_prefix(self._prefix, name)
        self.parts[name] = self._packed.pack(obj, record, prefix, None, options)


def _pack(
    obj: object,
    adapter: str | None,
    name: str | None,
    metadata: Mapping[str, Any] | None,
    options: Mapping[str, object],
    known: Iterable[str],
) -> _Packed:
    record = _record_for(obj, adapter)
    _check_options(options, _adapter(record).pack_options, known, record)
    packed = _Packed()
    if metadata is not None:
        strict_json.encode(metadata, what="metadata")
        packed.metadata = metadata
    packed.part = packed.pack(obj, record, "", name, options)
    return packed


def _record_for(obj: object, adapter: str | None) -> Record:
    registry = installed()
    return registry.claiming(obj) if adapter is None else registry.require(obj, adapter)


def _describe(
    obj: object,
    record: Record,
    described: Description,
    name: str | None,
    parts: dict[str, Part],
) -> Part:
    return Part(
        adapter=record.name,
        payload_version=_adapter(record).version,
        distribution=record.distribution,
        type=f"{type(obj).__module__}.{type(obj).__qualname__}",
        kind=described.kind,
        name=described.name if name is None else name,
        signature=described.signature,
        parameters=described.parameters,
        capabilities=tuple(sorted(set(described.capabilities))),
        losses=described.losses,
        parts=parts,
    )


# --- bytes -> object ----------------------------------------------------------------------


class _Unpacking:
    """Restores the objects of one artifact: first all are audited, then they are built."""

    def __init__(self, records: Mapping[str, Record], custom_objects: Mapping[str, object]) -> None:
        self._adapters = {record.name: _adapter(record) for record in records.values()}
        self._custom_objects = custom_objects
        self._needs: dict[int, tuple[Need, ...]] = {}

    def restore_all(self, payload: Payload, options: Mapping[str, object]) -> Any:
        for inner in _walk(payload):
            self._needs[id(inner)] = self._adapters[inner.part.adapter].audit(inner)
        return self._restore(payload, options)

    def _restore(self, payload: Payload, options: Mapping[str, object]) -> Any:
        context = Context(
            restore=lambda inner: self._restore(inner, {}),
            custom_objects=self._custom_objects,
            needs=self._needs[id(payload)],
            options=options,
        )
        return self._adapters[payload.part.adapter].unpack(payload, context)


def _adapters(manifest: Manifest) -> dict[str, Record]:
    """Find the adapter of every part, by the part's prefix, before any payload is read."""
    registry = installed()
    records = {}
    for prefix, part in manifest.walk():
        record = registry.get(part.adapter, distribution=part.distribution)
        reads = _adapter(record).reads
        if part.payload_version not in reads:
            raise _unreadable(record, part, manifest.environment.get(part.distribution))
        records[prefix] = record
    return records


def _unreadable(record: Record, part: Part, writer: str | None) -> TooNew:
    reads = _adapter(record).reads
    newer = part.payload_version > max(reads)
    install = f"pip install '{part.distribution}{'>=' if newer else '=='}{writer}'"
    return TooNew(
        f"the payload of the adapter {part.adapter!r} is of version {part.payload_version}; the "
        f"installed {record.distribution} {record.distribution_version} reads "
        f"{', '.join(map(str, reads))}; {install if writer else 'see its changelog'}",
        adapter=part.adapter,
        found=part.payload_version,
        supported=reads,
    )


def _payload(artifact: Artifact) -> Payload:
    """Read every member, check its digest, and sort members by the part they belong to."""

    def build(prefix: str, part: Part) -> Payload:
        inner = {
            name: build(part_prefix(prefix, name), child) for name, child in part.parts.items()
        }
        return Payload(part, dict(_own(artifact, prefix)), inner)

    return build("", artifact.manifest)


def _own(artifact: Artifact, prefix: str) -> Iterator[tuple[str, memoryview]]:
    members: tuple[Member, ...] = artifact.manifest.members
    for member in members:
        path = member.path.removeprefix(prefix)
        if member.path.startswith(prefix) and not path.startswith("parts/"):
            yield path, artifact.read(member.path)


def _walk(payload: Payload) -> Iterator[Payload]:
    yield payload
    for _, inner in sorted(payload.parts.items()):
        yield from _walk(inner)


# --- both ---------------------------------------------------------------------------------


def _adapter(record: Record) -> Any:
    return record.adapter


def _check_options(
    given: Mapping[str, object], own: Iterable[str], general: Iterable[str], record: Record
) -> None:
    known = sorted({*own, *general})
    for option in given:
        if option not in known:
            _refuse_option(option, known, record.name)


def _refuse_option(option: str, known: list[str], adapter: str) -> NoReturn:
    near = difflib.get_close_matches(option, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known) or 'none'}"
    raise UnknownOption(
        f"the adapter {adapter!r} has no option {option!r}; {hint}",
        option=option,
        adapter=adapter,
        known=tuple(known),
        closest=near[0] if near else None,
    )
