"""The bundle: an artifact in memory, as an immutable value."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

from bundlekit import card
from bundlekit.artifact import Artifact
from bundlekit.atomic import replacing
from bundlekit.manifest import Manifest
from bundlekit.source import MemorySource, opened

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import SupportsIndex

    from bundlekit.need import Need
    from bundlekit.source import Readable


class Bundle:
    """One self-contained, versioned, verifiable artifact.

    It is immutable, equal to every bundle with the same digest, and pickles as its bytes,
    out of band with protocol 5.

    Args:
        source: a bundle, bytes, a path or a binary file. The layout and the manifest are
            checked here, the members' digests when they are used: by `bundlekit.unbundle`,
            `bundlekit.verify`, `read`.

    Raises:
        NotABundle, Damaged, TooNew, LimitExceeded: what the source is instead.

    Example:
        >>> bundle = Bundle("model.bundle")  # doctest: +SKIP
        >>> bundle.members  # doctest: +SKIP
        ('config.json', 'metadata.json', 'model.weights.h5')
    """

    __slots__ = ("__weakref__", "_artifact", "_data")

    _artifact: Artifact
    _data: memoryview

    def __init__(self, source: Bundle | Readable) -> None:
        with opened(source.data if isinstance(source, Bundle) else source) as found:
            Artifact(found)  # before its bytes are taken into memory
            data = found.read(0, found.size)
        object.__setattr__(self, "_data", data)
        object.__setattr__(self, "_artifact", Artifact(MemorySource(data, found.name)))

    @property
    def data(self) -> memoryview:
        """The artifact's bytes, read-only, without a copy."""
        return self._data

    @property
    def manifest(self) -> Manifest:
        """What the artifact says about itself; a fresh value, which nobody else holds."""
        return Manifest.decode(self._artifact.encoded)

    @property
    def digest(self) -> str:
        """The sha256 of the manifest, in hex; it identifies everything that is stored."""
        return self._artifact.digest

    @property
    def members(self) -> tuple[str, ...]:
        """The paths of the stored files, sorted, without the manifest."""
        return tuple(member.path for member in self._artifact.manifest.members)

    @property
    def needs(self) -> tuple[Need, ...]:
        """The classes and functions that restoring it takes from outside, by the adapters' audit.

        Nothing is imported but the adapters, and no code is run. What a caller would have to trust
        is each need's `reference`, or its code.

        Raises:
            Damaged, Refused: the artifact is not sound, or asks for what nobody may allow.
        """
        from bundlekit.unpacking import needs_of, payload_of

        return needs_of(payload_of(self._artifact, whole=False))[0]

    @property
    def sources(self) -> dict[str, str]:
        """The readable source of code that travels by value, by what it is called in the artifact.

        It is there for people to read; what runs, if it is trusted, is the pickle beside it.
        """
        from bundlekit.unpacking import sources_of

        return sources_of(self._artifact)

    def read(self, member: str) -> bytes:
        """Give a member's bytes, checked against its digest.

        Raises:
            NoSuchMember: there is none at this path.
            Damaged: the bytes are not those that were bundled.
        """
        return bytes(self._artifact.read(member))

    def save(self, target: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the artifact to a file, whole or not at all.

        Raises:
            TargetExists: a file is there and `overwrite` is false.
            TargetUnusable: the target is a folder, or cannot be written.
        """
        with replacing(target, overwrite=overwrite) as file:
            file.write(self._data)

    def __bytes__(self) -> bytes:
        return bytes(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Bundle) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a bundle is immutable; {name!r} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a bundle is immutable; {name!r} cannot be deleted")

    def __copy__(self) -> Bundle:
        return self

    def __deepcopy__(self, memo: object) -> Bundle:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Callable[..., Bundle], tuple[object]]:
        if protocol.__index__() >= 5:
            return Bundle, (pickle.PickleBuffer(self._data),)
        return Bundle, (bytes(self._data),)

    def __repr__(self) -> str:
        return card.line(self._artifact.manifest, self.digest, len(self))

    def _repr_html_(self) -> str:
        return card.html(self._artifact.manifest, self.digest, len(self))
