"""What a person sees of a bundle: one line, and a card. Everything comes from the manifest."""

from __future__ import annotations

import html as markup
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bundlekit.manifest import Manifest, Part, TensorSpec

_SHOWN_MEMBERS = 20


def line(manifest: Manifest, digest: str, size: int) -> str:
    """Describe a bundle in one line."""
    name = f" {manifest.name!r}" if manifest.name else ""
    return f"<Bundle {manifest.adapter} {manifest.kind}{name}, {quantity(size)}, {digest[:12]}>"


def rows(manifest: Manifest, digest: str, size: int) -> Iterator[tuple[str, str]]:
    """Give the card as pairs of label and text, in order; text may have several lines."""
    yield from _part_rows(manifest)
    yield "members", "\n".join(_members(manifest))
    for prefix, part in manifest.walk():
        if prefix:
            rows = (f"{label}: {text}" for label, text in _part_rows(part))
            yield f"part {prefix.removeprefix('parts/').rstrip('/')}", "\n".join(rows)
    yield (
        "environment",
        ", ".join(f"{name} {version}" for name, version in sorted(manifest.environment.items())),
    )
    if manifest.metadata:
        yield (
            "metadata",
            ", ".join(f"{key}={value!r}" for key, value in manifest.metadata.items()),
        )
    yield "format", str(manifest.format_version)
    yield "size", quantity(size)
    yield "digest", digest


def html(manifest: Manifest, digest: str, size: int) -> str:
    """Give the card as HTML, for notebooks."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{markup.escape(label)}</th>"
        f"<td style='text-align:left;white-space:pre-wrap'>{markup.escape(text)}</td></tr>"
        for label, text in rows(manifest, digest, size)
    )
    return f"<table>{cells}</table>"


def quantity(size: int) -> str:
    """Write a number of bytes as people read it.

    Example:
        >>> quantity(999), quantity(1536)
        ('999 B', '1.5 KiB')
    """
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"


def _part_rows(part: Part) -> Iterator[tuple[str, str]]:
    yield "adapter", f"{part.adapter} {part.payload_version} ({part.distribution})"
    yield "type", part.type
    yield "kind", part.kind
    if part.name:
        yield "name", part.name
    if part.signature:
        yield "inputs", "\n".join(_specs(part.signature.inputs))
        yield "outputs", "\n".join(_specs(part.signature.outputs))
    if part.parameters is not None:
        yield "parameters", f"{part.parameters:,}"
    if part.capabilities:
        yield "can", ", ".join(part.capabilities)
    if part.states:
        yield "keeps", ", ".join(part.states)
    if part.losses:
        yield "not kept", "\n".join(f"{loss.what}: {loss.why}" for loss in part.losses)


def _specs(specs: Iterable[TensorSpec]) -> Iterator[str]:
    for spec in specs:
        shape = ", ".join("any" if size is None else str(size) for size in spec.shape)
        yield f"{spec.name}: {spec.dtype} ({shape})"


def _members(manifest: Manifest) -> Iterator[str]:
    members = manifest.members
    for member in members[:_SHOWN_MEMBERS]:
        yield f"{member.path}  {quantity(member.size)}"
    if len(members) > _SHOWN_MEMBERS:
        yield f"… and {len(members) - _SHOWN_MEMBERS} more"
