"""`adopt`: the files that people have already, as bundles.

foreign file or folder -> adapter.adopt (recognised by content) -> manifest -> artifact -> Bundle

The original bytes are the payload. Nothing is built: what the file needs, and whether it may have
it, is settled when it is unbundled, as with every other bundle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit import layout
from bundlekit._registry import installed
from bundlekit.adapter import Adopted, Foreign, Payload
from bundlekit.bundle_type import Bundle
from bundlekit.environment import WRITTEN_BY
from bundlekit.errors import AdapterBroken, NotABundle
from bundlekit.manifest import Part
from bundlekit.packing import Packed, environment_of, require_plain
from bundlekit.writing import Content

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from bundlekit._registry import Installed

TENSORS = (".h5", ".index", ".safetensors")


def adopt(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Bundle:
    """Take a file or folder that something else wrote into a bundle, without building anything.

    Recognised by content, never by its name: what it is depends on the adapters that are
    installed. With those of bundlekit, that is what Keras 2, Keras 3, tf_keras and TensorFlow
    write: `.keras` files and unzipped folders, whole models and weights in H5, sharded weights,
    TensorFlow checkpoints (by their prefix or folder), SavedModels, and architectures in JSON.

    The original bytes are kept. The manifest's environment says who wrote them (`written_by`),
    and `losses` what they do not hold. A bundle is given back as it is.

    Args:
        path: the file, the folder, or the prefix of a checkpoint.
        name: what to call the object in the manifest.
        metadata: any JSON of yours.

    Raises:
        NotABundle: no installed adapter takes it.
        SourceMissing, SourceUnreadable: it is not there, or cannot be read.
        Damaged, LimitExceeded: it is not sound.
        Refused: it holds links, or asks for what nobody may allow.
        NotRestorable: it has lost something that a model would answer wrongly without.
        TooNew: a newer major version of its framework wrote it.

    Example:
        >>> bundlekit.adopt("old_model.h5").save("model.bundle")  # doctest: +SKIP
    """
    plain = require_plain(name, metadata)
    foreign = Foreign(path)
    if is_bundle(foreign):
        return Bundle(foreign.read())
    chosen, adopted = _adopted(foreign)
    described = adopted.description
    part = Part(
        adapter=chosen.name,
        payload_version=chosen.adapter.version,
        distribution=chosen.distribution,
        type=adopted.type,
        kind=described.kind,
        name=described.name if name is None else name,
        signature=described.signature,
        parameters=described.parameters,
        capabilities=tuple(sorted(set(described.capabilities))),
        losses=described.losses,
    )
    payload = Payload(part, adopted.members, {})
    chosen.adapter.audit(payload)
    contents = {
        path: Content(data, path.endswith(TENSORS)) for path, data in adopted.members.items()
    }
    environment = {**environment_of(chosen), **described.environment}
    packed = Packed(payload, contents, {**environment, WRITTEN_BY: adopted.written_by}, {})
    return Bundle(packed.build(plain))


def is_bundle(foreign: Foreign) -> bool:
    """Tell whether a file is a bundle, by how it begins and ends; it may still be damaged."""
    # The last entry of a bundle, and of nothing that frameworks write, is its manifest.
    return (
        not foreign.is_folder
        and foreign.head(4) == b"PK\x03\x04"
        and layout.MANIFEST.encode() in foreign.tail(4096)
    )


def _adopted(foreign: Foreign) -> tuple[Installed, Adopted]:
    registry = installed()
    for record in registry.usable:
        take = getattr(record.adapter, "adopt", None)
        adopted = take(foreign) if take else None
        if adopted is not None:
            return registry.get(record.name), adopted
    broken = [str(record) for record in registry.records if record not in registry.usable]
    if broken:
        raise AdapterBroken(
            f"no installed adapter takes {foreign.name!r}, and {', '.join(broken)} cannot be used"
        )
    raise NotABundle(
        f"{foreign.name!r} is no bundle and nothing that an installed adapter takes "
        f"({', '.join(record.name for record in registry.usable)}); of Keras and TensorFlow, "
        f"that is .keras files, H5 files, sharded weights, checkpoints, SavedModel folders and "
        f"architectures in JSON",
        source=foreign.name,
    )
