"""Unpacking: from an opened artifact to the object, in the order that keeps it safe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bundlekit import travel
from bundlekit._registry import installed
from bundlekit.adapter import Context, Payload
from bundlekit.environment import described, mismatches
from bundlekit.errors import Damaged, TooNew, TooOld
from bundlekit.manifest import owner_of, part_prefix
from bundlekit.resolution import Asked, Found
from bundlekit.tensor_reader import TensorReader
from bundlekit.warning import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bundlekit._registry import Installed, Registry
    from bundlekit.artifact import Artifact
    from bundlekit.manifest import Part
    from bundlekit.need import Need
    from bundlekit.source import Buffer


def adapters_of(part: Part, environment: Mapping[str, str]) -> dict[str, Installed]:
    """Find the adapters of a part and all in it, by name, before any member is read.

    Args:
        part: the manifest, or a part of it.
        environment: what wrote it, to say what to install.

    Raises:
        AdapterMissing, AdapterBroken, AdapterConflict: naming what to install.
        TooNew, TooOld: an adapter is here and does not read this version of its payload.
    """
    registry = installed()
    return {inner.adapter: adapter_of(inner, registry, environment) for _, inner in part.walk()}


def adapter_of(part: Part, registry: Registry, environment: Mapping[str, str]) -> Installed:
    """Find the adapter of a part, and nothing of the parts in it; see `adapters_of`."""
    chosen = registry.get(part.adapter, distribution=part.distribution)
    if part.payload_version not in chosen.adapter.reads:
        raise _unreadable(chosen, part, environment.get(part.distribution))
    return chosen


def payload_of(
    artifact: Artifact,
    *,
    whole: bool = True,
    ahead: bool | None = None,
    reader: TensorReader | None = None,
) -> Payload:
    """Hand every member to the part that it belongs to.

    Args:
        artifact: the artifact; it must stay open while the payload is used.
        whole: whether all of it is wanted.
        ahead: read every member that has no tensors in the index, and check its digest, now and
            not only when it is asked for; by default if all of it is wanted.
        reader: of the tensors, if not one that checks them and gives copies.

    Raises:
        Damaged: a member is not what the manifest says; code that no custom object travels in.
    """
    reader = reader or TensorReader(artifact)
    ahead = whole if ahead is None else ahead
    members: dict[str, dict[str, str]] = {}
    for member in artifact.manifest.members:
        owner = owner_of(member.path)
        members.setdefault(owner, {})[member.path.removeprefix(owner)] = member.path

    def build(prefix: str, part: Part) -> Payload:
        own = members.get(prefix, {})
        code = {path: full for path, full in own.items() if path.startswith(travel.CODE)}
        _check_code(part, code)
        inner = {name: build(part_prefix(prefix, name), p) for name, p in part.parts.items()}
        others = {path: full for path, full in own.items() if path not in code}
        own_members = _Members(artifact, others, reader, ahead=ahead)
        codes = _Members(artifact, code, reader, ahead=ahead)
        return Payload(part, own_members, inner, codes, whole=whole, reader=reader, prefix=prefix)

    return build("", artifact.manifest)


def restore(
    payload: Payload,
    adapters: Mapping[str, Installed],
    *,
    find: Callable[[Sequence[Asked]], list[Found]],
    custom_objects: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, object] | None = None,
    isolated: bool = False,
) -> Any:
    """Audit the object and all in it, find what they need, and then build from what was audited.

    Args:
        payload: the object, as it is stored.
        adapters: those of all its parts.
        find: finds what the parts need, or raises; see `resolution.resolve`.
        custom_objects: what the caller gave.
        environment: what wrote it; what of that differs here in a way that matters is said.
        options: of the outermost adapter.
        isolated: whether scopes and registries of the process are to be left out.

    Raises:
        Damaged: a member is not what the manifest says.
        Refused: a part asks for what is not allowed.
        MissingCustomObjects: all classes and functions that were not found.
        FrameworkMissing, NotRestorable: as its adapter finds.
    """
    recorded = environment or {}
    parts = list(payload.walk())
    needs = [_audited(inner, adapters, options if inner is payload else {}) for inner in parts]
    asked = [
        Asked(
            needs=found,
            known=adapters[inner.part.adapter].known,
            code=inner.code.get(travel.PICKLE),
            python=recorded.get("python"),
        )
        for inner, found in zip(parts, needs, strict=True)
    ]
    objects = dict(zip(map(id, parts), find(asked), strict=True))
    _warn_of_mismatches(recorded, [(adapters[inner.part.adapter], inner) for inner in parts])
    audited = dict(zip(map(id, parts), needs, strict=True))

    def build(payload: Payload, options: Mapping[str, object]) -> Any:
        context = Context(
            restore=lambda inner: build(inner, {}),
            inner=lambda inner, obj: adapters[inner.part.adapter].inner(obj),
            custom_objects=custom_objects or {},
            needs=audited[id(payload)],
            objects=objects[id(payload)],
            missing=objects[id(payload)].missing,
            isolated=isolated,
            options=options,
        )
        return adapters[payload.part.adapter].adapter.unpack(payload, context)

    payload.fetch()
    try:
        obj = build(payload, options or {})
    except Exception:
        payload.settle()  # if the bytes are damaged, that is the cause
        raise
    else:
        payload.settle()
        return obj
    finally:
        payload.stop()


def _audited(
    payload: Payload, adapters: Mapping[str, Installed], options: Mapping[str, object] | None
) -> tuple[Need, ...]:
    """Audit all of a payload, and give what restoring it with these options takes of that."""
    record = adapters[payload.part.adapter]
    needs = record.adapter.audit(payload)
    return record.needed(needs, options or {})


def _warn_of_mismatches(
    recorded: Mapping[str, str], parts: Sequence[tuple[Installed, Payload]]
) -> None:
    """Say once what is not here as the writer had it, all of it together."""
    readers = {"bundlekit", *(chosen.distribution for chosen, _ in parts)}
    requires = [name for chosen, inner in parts for name in chosen.requires(inner)]
    found = mismatches(recorded, requires, sorted(readers)) if recorded else ()
    if found:
        warn(described(found))


def needs_of(payload: Payload) -> tuple[tuple[Need, ...], tuple[str, ...]]:
    """Ask the adapters that are here what restoring a payload takes.

    Returns:
        The needs, and the names of the adapters that cannot be asked; of those the manifest's
        word is taken.

    Raises:
        Refused, Damaged: as an adapter's audit finds.
    """
    usable = {record.name: record.adapter for record in installed().usable}
    needs: list[Need] = []
    unaudited: list[str] = []
    for inner in payload.walk():
        adapter = usable.get(inner.part.adapter)
        if adapter is None or inner.part.payload_version not in adapter.reads:
            unaudited.append(inner.part.adapter)
            needs.extend(inner.part.custom_objects)
        else:
            needs.extend(adapter.audit(inner))
    return tuple(needs), tuple(unaudited)


def sources_of(artifact: Artifact) -> dict[str, str]:
    """Give the source texts of code by value, by their members' paths."""
    return {
        member.path: bytes(artifact.read(member.path)).decode(errors="replace")
        for member in artifact.manifest.members
        if member.path.removeprefix(owner_of(member.path)).startswith(travel.CODE)
        and member.path.endswith(".py")
    }


class _Members(Mapping[str, "Buffer"]):
    """Members by their path in a part, read, and their digest checked, now or when used."""

    def __init__(
        self, artifact: Artifact, paths: Mapping[str, str], reader: TensorReader, *, ahead: bool
    ) -> None:
        self._artifact = artifact
        self._paths = paths
        self._reader = reader
        self._read: dict[str, Buffer] = {}
        for path, full in paths.items():
            if ahead and full not in reader:
                self[path]

    def __getitem__(self, path: str) -> Buffer:
        if path not in self._read:
            full = self._paths[path]
            self._read[path] = self._artifact.read(full)
            self._reader.leave_out(full, self._read[path])
        return self._read[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, path: object) -> bool:
        return path in self._paths


def _check_code(part: Part, members: Mapping[str, str]) -> None:
    codes = [need.code for need in part.custom_objects if need.code]
    expected = {f"{travel.CODE}{code}.py" for code in codes} | {travel.PICKLE}
    for path in members:
        if not codes or path not in expected:
            raise Damaged(
                f"{path} holds code that no custom object of the manifest travels in",
                member=path,
            )
    if codes and travel.PICKLE not in members:
        raise Damaged(
            f"the manifest says that {len(codes)} custom objects travel by value, and there is no "
            f"{travel.PICKLE}",
            member=travel.PICKLE,
        )


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
