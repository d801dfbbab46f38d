"""The verbs, and the only module that sees all the others.

bundle:    object -> registry (who) -> adapter.pack (members) -> manifest -> artifact -> bytes
unbundle:  bytes -> artifact (layout, manifest) -> registry (who) -> members (digests)
                 -> adapter.audit (needs) -> resolution (what was given, known, trusted)
                 -> environment (versions compared) -> adapter.unpack -> object
"""

from __future__ import annotations

import io
import os
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from bundlekit.artifact import Artifact
from bundlekit.atomic import prepared, require_writable, writing_to
from bundlekit.bundle_type import Bundle
from bundlekit.errors import TargetUnusable, UnknownOption
from bundlekit.options import require_known
from bundlekit.packing import pack, require_plain
from bundlekit.progress import Progress, require_report
from bundlekit.reading import reader_of, require_reading
from bundlekit.rebuilding import is_wanted, require_rebuilt
from bundlekit.resolution import require_objects, resolve
from bundlekit.sink import FileSink
from bundlekit.source import opened
from bundlekit.tensor_reader import TensorReader
from bundlekit.trust import Trust
from bundlekit.unpacking import adapters_of, payload_of, restore
from bundlekit.verification import Verification, probed, verified
from bundlekit.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

    from bundlekit._registry import Installed
    from bundlekit.adapter import Payload
    from bundlekit.manifest import Manifest
    from bundlekit.packing import Packed
    from bundlekit.progress import Report
    from bundlekit.source import Buffer, Readable, Source


def bundle(
    obj: Any,
    adapter: str | None = None,
    *,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    code: str = "auto",
    check: str = "config",
    progress: Report | None = None,
    **options: object,
) -> Bundle:
    """Turn a live object into one self-contained artifact; the object is not changed.

    The same object, versions and options give the same bytes, wherever and whenever.

    Args:
        obj: what to keep, such as a built Keras model.
        adapter: the representation to use; by default the one that claims the object's type.
        name: what to call it in the manifest, instead of the object's own name.
        metadata: any JSON of yours, stored in the manifest.
        code: how classes and functions of yours travel. `auto`: by reference where a fresh
            interpreter could import them, otherwise by value, as code in the artifact.
            `reference`: only so; what cannot be imported is an error. `value`: all by value,
            lambdas too.
        check: what is tried before anything is written. `config`: that configs can be read back,
            from signatures, without building. `rebuild`: the object is rebuilt from what will be
            stored, with nothing but what it needs, and compared.
        progress: called with the bytes that are done and the bytes in all, about ten times a second
            at most and once at the end, from one thread at a time. An error of it ends the work.
        **options: of the adapter.

    Raises:
        UnsupportedObject: no installed adapter takes the object.
        UnknownOption: the adapter has no such option; the message names the closest.
        NotBuilt: the model has no weights yet.
        Unwritable: what would not come back; the message names the class and the place.
        BundleError: the base of all that can go wrong.

    Example:
        >>> bundled = bundlekit.bundle(model, metadata={"run": 7})  # doctest: +SKIP
        >>> bundled.save("model.bundle")  # doctest: +SKIP
    """
    return Bundle(
        dumps(
            obj,
            adapter,
            name=name,
            metadata=metadata,
            code=code,
            check=check,
            progress=progress,
            **options,
        )
    )


def dumps(
    obj: Any,
    adapter: str | None = None,
    *,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    code: str = "auto",
    check: str = "config",
    progress: Report | None = None,
    **options: object,
) -> bytes:
    """Turn a live object into the bytes of an artifact; see `bundle`.

    Example:
        >>> data = bundlekit.dumps(model)  # doctest: +SKIP
    """
    plain = require_plain(name, metadata)
    require_report(progress)
    packed = _pack(obj, adapter, check, name=name, code=code, options=options)
    return packed.build(plain, progress)


def dump(
    obj: Any,
    target: str | os.PathLike[str] | IO[bytes],
    adapter: str | None = None,
    *,
    overwrite: bool = False,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    code: str = "auto",
    check: str = "config",
    progress: Report | None = None,
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
        code: how classes and functions of yours travel.
        check: what is tried before anything is written.
        progress: told how far it is; an error of it leaves no file.
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
    plain = require_plain(name, metadata)
    require_report(progress)
    if isinstance(target, str | os.PathLike):
        require_writable(target, overwrite=overwrite)
    elif not _is_binary_file(target):
        raise TargetUnusable(
            f"cannot write to {target!r}; give a path or a file open in binary mode", target=target
        )
    given: dict[str, Any] = {"name": name, "code": code, "options": options}
    if not isinstance(target, str | os.PathLike):
        packed = _pack(obj, adapter, check, "overwrite", **given)
        return packed.write(target, plain, progress).digest
    with (
        prepared(target, overwrite=overwrite) as file,
        Writer(FileSink(file), progress) as writer,
    ):
        packed = _pack(obj, adapter, check, "overwrite", begin=writer.begin, **given)
        with writing_to(target):
            return writer.finish(packed.contents, packed.describing(plain)).digest


def unbundle(
    source: Bundle | Readable,
    *,
    custom_objects: Mapping[str, object] | None = None,
    trust: Trust | Iterable[str] | None = None,
    verify: str = "full",
    alias: bool = False,
    progress: Report | None = None,
    **options: object,
) -> Any:
    """Turn an artifact back into the object, in any process.

    Everything is checked before anything is built: size, layout, manifest, digests, and what
    the artifact needs. Nothing that it carries or names is executed or imported but the
    built-in classes of its framework, what is given here, and what is trusted here.

    Classes and functions are looked for, all of them before anything is built, in
    `custom_objects`, in the scopes that are open (merged), among what this process has bundled, in
    the framework's registry, and then, if trusted, by import and in the artifact's own code.

    What is older here than what the artifact was written with, or of another major, is one
    `BundleWarning` with both versions.

    Args:
        source: a `Bundle`, bytes, a path, or a binary file, seekable or not.
        custom_objects: classes and functions that the object is made of, by registered name
            (`acme>Scale`), plain name (`Scale`) or reference (`acme.layers:Scale`).
        trust: packages, modules and objects that may be imported, as in
            `["acme", "other.layers:Scale"]`; or a `Trust`, which can also allow code by value.
        verify: `full`: every byte is checked against its digest before the object is given.
            `lazy`: the bytes of tensors are not, and all else is. That is for files that nobody but
            the caller can write: numbers that were changed are not noticed.
        alias: tensors may be views of a private mapping of the file, where the framework takes
            memory over as it is. What is written to them never reaches the file; but the file must
            not be changed or cut short as long as the object lives, or the object changes with
            it, or the process dies. It takes a path, or a file on a disk.
        progress: called with the bytes that are read and checked and the bytes in all, about ten
            times a second at most and once at the end, from one thread at a time. An error of it
            ends the work.
        **options: of the adapter.

    Raises:
        UnknownOption: an option, or a value of `verify`, that is not known.
        UnsupportedSource: nothing that can be read from, or with `alias` no file.
        NotABundle, Damaged, LimitExceeded, TooNew: the source is not sound.
        AdapterMissing, FrameworkMissing: what to install to restore it.
        MissingCustomObjects: all classes and functions that were not found, and the
            `custom_objects=` and `trust=` that would do.
        Refused: the artifact asks for what is not allowed.
        InvalidTrust: `trust` is a bare boolean, or names what is no name.
        NotRestorable: the framework failed to build it.

    Example:
        >>> model = bundlekit.unbundle("model.bundle")  # doctest: +SKIP
    """
    trusted, given = Trust.of(trust), require_objects(custom_objects)
    require_reading(verify, alias)
    require_report(progress)
    with _opened(source) as found:
        artifact = Artifact(found)
        reader = reader_of(artifact, verify, alias=alias)
        counted = Progress(progress, artifact.size)
        artifact.advance = counted.advance
        obj, _, _ = _restored(artifact, reader, given, trusted, options)
        counted.finish()
        return obj


def load(
    source: Bundle | Readable,
    *,
    custom_objects: Mapping[str, object] | None = None,
    trust: Trust | Iterable[str] | None = None,
    verify: str = "full",
    alias: bool = False,
    progress: Report | None = None,
    **options: object,
) -> Any:
    """Read an artifact from a file; the same as `unbundle`, under the name that pairs with `dump`.

    Example:
        >>> model = bundlekit.load("model.bundle")  # doctest: +SKIP
    """
    return unbundle(
        source,
        custom_objects=custom_objects,
        trust=trust,
        verify=verify,
        alias=alias,
        progress=progress,
        **options,
    )


def loads(
    data: Buffer,
    *,
    custom_objects: Mapping[str, object] | None = None,
    trust: Trust | Iterable[str] | None = None,
    verify: str = "full",
    progress: Report | None = None,
    **options: object,
) -> Any:
    """Read an artifact from bytes; the same as `unbundle`, under the name that pairs with `dumps`.

    Example:
        >>> model = bundlekit.loads(data)  # doctest: +SKIP
    """
    return unbundle(
        data,
        custom_objects=custom_objects,
        trust=trust,
        verify=verify,
        alias=False,
        progress=progress,
        **options,
    )


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


def verify(
    source: Bundle | Readable,
    *,
    deep: bool = False,
    probe: bool = False,
    custom_objects: Mapping[str, object] | None = None,
    trust: Trust | Iterable[str] | None = None,
    progress: Report | None = None,
) -> Verification:
    """Check everything that can be checked without a framework; see `Verification`.

    Layout, manifest, in one pass every member's sha256 and its CRC-32, which other tools go by,
    and the adapters' audit of the raw members. Nothing is built, unless `probe` is asked for.

    Args:
        source: a `Bundle`, bytes, a path, or a binary file, seekable or not.
        deep: compare the tensor index, which restoring goes by, with what the format of the members
            itself says of where its arrays lie; by those adapters that can.
        probe: restore the object as well, and let it repeat the prediction that is stored with it.
        custom_objects: as for `unbundle`; to restore it.
        trust: as for `unbundle`; to restore it.
        progress: as for `unbundle`.

    Raises:
        NotABundle, Damaged, LimitExceeded, TooNew, Refused: the first fault that was found.
        NoSuchMember: no prediction is stored.
        ProbeFailed: the restored object answers otherwise.
        BundleError: with `probe`, as `unbundle`.

    Example:
        >>> bundlekit.verify("model.bundle").digest  # doctest: +SKIP
        '5f3a…'
        >>> bundlekit.verify("model.bundle", probe=True).probe.difference  # doctest: +SKIP
        0.0
    """
    trusted, given = Trust.of(trust), require_objects(custom_objects)
    if not probe and not (trust is None and custom_objects is None):
        raise UnknownOption(
            "custom_objects= and trust= are to restore the object, and nothing is restored without "
            "probe=True",
            option="trust" if custom_objects is None else "custom_objects",
        )
    require_report(progress)
    with _opened(source) as found:
        artifact = Artifact(found)
        counted = Progress(progress, artifact.size * (2 if probe else 1))
        artifact.advance = counted.advance
        checked = verified(artifact, deep=deep)
        if probe:
            reader = TensorReader(artifact)
            obj, payload, chosen = _restored(artifact, reader, given, trusted, {})
            checked = replace(checked, probe=probed(obj, payload, chosen))
        counted.finish()
        return checked


def _restored(
    artifact: Artifact,
    reader: TensorReader,
    given: Mapping[str, object],
    trusted: Trust,
    options: Mapping[str, object],
) -> tuple[Any, Payload, Installed]:
    """Restore the object; give what it was restored from, and by which adapter, as well."""
    adapters = adapters_of(artifact.manifest, artifact.manifest.environment)
    own = adapters[artifact.manifest.adapter]
    general = ("custom_objects", "trust", "verify", "alias", "progress")
    require_known(options, adapter=own.name, own=own.adapter.unpack_options, general=general)
    # Who wants a part of it, or has some of it already, does not want to read the rest.
    whole = not {"parts", "into"} & options.keys()
    payload = payload_of(artifact, whole=whole, reader=reader)
    obj = restore(
        payload,
        adapters,
        find=lambda asked: resolve(asked, given, trusted),
        custom_objects=given,
        environment=artifact.manifest.environment,
        options=options,
    )
    return obj, payload, own


def _pack(
    obj: Any,
    adapter: str | None,
    check: str,
    *general: str,
    options: Mapping[str, object],
    **given: Any,
) -> Packed:
    rebuild = is_wanted(check)
    known = ("name", "metadata", "code", "check", "progress", *general)
    packed = pack(obj, adapter, options=options, general=known, **given)
    if rebuild:
        require_rebuilt(obj, packed)
    return packed


def _is_binary_file(target: Any) -> bool:
    return hasattr(target, "write") and not isinstance(target, io.TextIOBase)


def _opened(source: Bundle | Readable) -> AbstractContextManager[Source]:
    return opened(source.data if isinstance(source, Bundle) else source)
