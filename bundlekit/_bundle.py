"""The verbs, and the only module that sees all the others.

bundle:    object -> registry (who) -> adapter.pack (members) -> manifest -> artifact -> bytes
unbundle:  bytes -> artifact (layout, manifest) -> registry (who) -> members (digests)
                 -> adapter.audit (needs) -> adapter.unpack -> object
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from bundlekit import strict_json
from bundlekit._registry import installed
from bundlekit.artifact import Artifact
from bundlekit.atomic import replacing, require_writable
from bundlekit.bundle_type import Bundle
from bundlekit.errors import TargetUnusable, Unwritable
from bundlekit.options import require_known
from bundlekit.packing import pack
from bundlekit.source import opened
from bundlekit.unpacking import adapters_of, payload_of, restore

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bundlekit.adapter import Need
    from bundlekit.manifest import Manifest
    from bundlekit.source import Buffer, Readable, Source


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
    plain = _require_plain(name, metadata)
    packed = pack(obj, adapter, name=name, options=options, general=("name", "metadata"))
    file = io.BytesIO()
    packed.write(file, plain)
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
    plain = _require_plain(name, metadata)
    if isinstance(target, str | os.PathLike):
        require_writable(target, overwrite=overwrite)
    elif not _is_binary_file(target):
        raise TargetUnusable(
            f"cannot write to {target!r}; give a path or a file open in binary mode", target=target
        )
    general = ("overwrite", "name", "metadata")
    packed = pack(obj, adapter, name=name, options=options, general=general)
    if not isinstance(target, str | os.PathLike):
        return packed.write(target, plain).digest
    with replacing(target, overwrite=overwrite) as file:
        return packed.write(file, plain).digest


def unbundle(
    source: Bundle | Readable,
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
    with _opened(source) as found:
        artifact = Artifact(found)
        adapters = adapters_of(artifact.manifest)
        own = adapters[artifact.manifest.adapter]
        require_known(
            options, adapter=own.name, own=own.adapter.unpack_options, general=["custom_objects"]
        )
        payload = payload_of(artifact)
    return restore(payload, adapters, custom_objects=custom_objects or {}, options=options)


def load(
    source: Bundle | Readable,
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


def inspect(source: Bundle | Readable) -> Manifest:
    """Read what an artifact says about itself.

    Checks layout and manifest, hashes nothing else, imports no framework, and reads no member.
    The adapter need not be installed, and may be older than the artifact's.

    Raises:
        NotABundle, Damaged, LimitExceeded, TooNew: the source is not sound.

    Example:
        >>> bundlekit.inspect("model.bundle").capabilities  # doctest: +SKIP
        ('evaluate', 'fit', 'predict')
    """
    with _opened(source) as found:
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


def verify(source: Bundle | Readable) -> Verification:
    """Check everything that can be checked without a framework; see `Verification`.

    Layout, manifest, every member's sha256 and then its CRC-32, which other tools go by, and
    the adapters' audit of the raw members. Nothing is built.

    Raises:
        NotABundle, Damaged, LimitExceeded, TooNew, Refused: the first fault that was found.

    Example:
        >>> bundlekit.verify("model.bundle").digest  # doctest: +SKIP
        '5f3a…'
    """
    with _opened(source) as found:
        artifact = Artifact(found)
        payload = payload_of(artifact)
        artifact.check_crc()
    usable = {record.name: record.adapter for record in installed().usable}
    needs: list[Need] = []
    unaudited: list[str] = []
    for inner in payload.walk():
        adapter = usable.get(inner.part.adapter)
        if adapter is None or inner.part.payload_version not in adapter.reads:
            unaudited.append(inner.part.adapter)
        else:
            needs.extend(adapter.audit(inner))
    return Verification(
        artifact.manifest, artifact.digest, artifact.source.size, tuple(needs), tuple(unaudited)
    )


def _is_binary_file(target: Any) -> bool:
    return hasattr(target, "write") and not isinstance(target, io.TextIOBase)


def _opened(source: Bundle | Readable) -> AbstractContextManager[Source]:
    return opened(source.data if isinstance(source, Bundle) else source)


def _require_plain(name: str | None, metadata: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Refuse a name or metadata that no manifest holds, before any work is done."""
    if not isinstance(name, str | None):
        raise Unwritable(f"name is {name!r}; expected a string")
    if not isinstance(metadata, Mapping | None):
        raise Unwritable(f"metadata is {type(metadata).__name__}; expected a dict of JSON")
    encoded = strict_json.encode([name, dict(metadata or {})], what="name or metadata")
    plain: list[Any] = json.loads(encoded)
    return dict(plain[1])
