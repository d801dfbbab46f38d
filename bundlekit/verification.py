"""Every check of an artifact that needs no framework, and the one that does: the probe.

That is a prediction which is stored with an object, and which whoever restores it repeats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bundlekit._registry import installed
from bundlekit.errors import UnknownOption
from bundlekit.unpacking import needs_of, payload_of

if TYPE_CHECKING:
    from bundlekit._registry import Installed
    from bundlekit.adapter import Payload, Probed
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
    compared: tuple[str, ...] = ()
    """With `deep`, the adapters that compared their tensor index with their members."""
    probe: Probed | None = None
    """What came of the stored prediction; `None` where it was not asked for."""


def verified(artifact: Artifact, *, deep: bool = False) -> Verification:
    """Check every digest and checksum, and let the adapters audit the raw members.

    Args:
        artifact: the artifact.
        deep: let them also compare the tensor index with the members.

    Raises:
        Damaged, LimitExceeded, Refused: the first fault that was found.
    """
    artifact.check()
    payload = payload_of(artifact, ahead=False)
    needs, unaudited = needs_of(payload)
    compared = _compared(payload, unaudited) if deep else ()
    return Verification(
        artifact.manifest, artifact.digest, artifact.source.size, needs, unaudited, compared
    )


def _compared(payload: Payload, unaudited: tuple[str, ...]) -> tuple[str, ...]:
    usable = {record.name: record for record in installed().usable if record.name not in unaudited}
    names = [
        inner.part.adapter
        for inner in payload.walk()
        if inner.part.adapter in usable and usable[inner.part.adapter].deep(inner)
    ]
    return tuple(dict.fromkeys(names))


def probed(obj: Any, payload: Payload, chosen: Installed) -> Probed:
    """Ask a restored object what was asked when it was bundled.

    Raises:
        UnknownOption: its adapter has no way to.
        NoSuchMember: nothing was asked then.
        ProbeFailed: the answer is another one.
    """
    probe = getattr(chosen.adapter, "probe", None)
    if probe is None:
        raise UnknownOption(
            f"the adapter {chosen.name!r} stores no predictions, so there is no probe to replay",
            option="probe",
            adapter=chosen.name,
        )
    result: Probed = probe(obj, payload)
    return result
