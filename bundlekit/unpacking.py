"""Unpacking: from an opened artifact to the object, in the order that keeps it safe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit._registry import installed
from bundlekit.adapter import Context, Need, Payload
from bundlekit.errors import TooNew, TooOld
from bundlekit.manifest import owner_of, part_prefix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bundlekit._registry import Installed
    from bundlekit.artifact import Artifact
    from bundlekit.manifest import Manifest, Part


def adapters_of(manifest: Manifest) -> dict[str, Installed]:
    """Find the adapters of all parts, by name, before any member is read.

    Raises:
        AdapterMissing, AdapterBroken, AdapterConflict: naming what to install.
        TooNew, TooOld: an adapter is here and does not read this version of its payload.
    """
    registry = installed()
    found = {}
    for _, part in manifest.walk():
        chosen = registry.get(part.adapter, distribution=part.distribution)
        if part.payload_version not in chosen.adapter.reads:
            raise _unreadable(chosen, part, manifest.environment.get(part.distribution))
        found[part.adapter] = chosen
    return found


def payload_of(artifact: Artifact) -> Payload:
    """Read every member, check its digest, and hand it to the part that it belongs to.

    Raises:
        Damaged: a member is not what the manifest says.
    """
    members: dict[str, dict[str, memoryview]] = {}
    for member in artifact.manifest.members:
        owner = owner_of(member.path)
        data = artifact.read(member.path)
        members.setdefault(owner, {})[member.path.removeprefix(owner)] = data

    def build(prefix: str, part: Part) -> Payload:
        inner = {name: build(part_prefix(prefix, name), p) for name, p in part.parts.items()}
        return Payload(part, members.get(prefix, {}), inner)

    return build("", artifact.manifest)


def restore(
    payload: Payload,
    adapters: Mapping[str, Installed],
    *,
    custom_objects: Mapping[str, object],
    options: Mapping[str, object],
) -> Any:
    """Audit the object and all in it, and then build it from what was audited.

    Raises:
        Refused: a part asks to run code that it carries.
        MissingCustomObjects, FrameworkMissing, NotRestorable: as its adapter finds.
    """
    needs: dict[int, tuple[Need, ...]] = {}
    for inner in payload.walk():
        needs[id(inner)] = adapters[inner.part.adapter].adapter.audit(inner)

    def build(payload: Payload, options: Mapping[str, object]) -> Any:
        context = Context(
            restore=lambda inner: build(inner, {}),
            custom_objects=custom_objects,
            needs=needs[id(payload)],
            options=options,
        )
        return adapters[payload.part.adapter].adapter.unpack(payload, context)

    return build(payload, options)


def _unreadable(chosen: Installed, part: Part, writer: str | None) -> TooNew | TooOld:
    reads = chosen.adapter.reads
    newer = part.payload_version > max(reads)
    install = f"pip install '{part.distribution}{'>=' if newer else '=='}{writer}'"
    return (TooNew if newer else TooOld)(
        f"the payload of the adapter {part.adapter!r} is of version {part.payload_version}; the "
        f"installed {chosen.distribution} {chosen.distribution_version} reads "
        f"{', '.join(map(str, reads))}; {install if writer else 'see its changelog'}",
        adapter=part.adapter,
        found=part.payload_version,
        supported=reads,
    )
