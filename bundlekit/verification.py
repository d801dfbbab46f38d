"""Every check of an artifact that needs no framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bundlekit.unpacking import needs_of, payload_of

if TYPE_CHECKING:
    from bundlekit.artifact import Artifact
    from bundlekit.manifest import Manifest
    from bundlekit.need import Need


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


def verified(artifact: Artifact) -> Verification:
    """Check every digest and checksum, and let the adapters audit the raw members.

    Raises:
        Damaged, LimitExceeded, Refused: the first fault that was found.
    """
    payload = payload_of(artifact)
    artifact.check_crc()
    needs, unaudited = needs_of(payload)
    return Verification(artifact.manifest, artifact.digest, artifact.source.size, needs, unaudited)
