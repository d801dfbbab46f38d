"""The manifest: what an artifact says about itself, as frozen values with one spelling.

Laws, each with a test:

* *One spelling*: `Manifest.decode(m.encode()) == m`, and `decode` refuses every other
  spelling of the same manifest. So the digest, the sha256 of these bytes, identifies it.
* *Canonical when made*: members are sorted by path and unique, whoever constructs it.
* *Closed*: a field that this release does not know is refused, never skipped.
* *Sound*: tensors lie inside their member, do not overlap, and their sizes multiply out.

The versions are checked before anything else is looked at, so that a file from the future
gets an answer that says so, and not one about an unknown field.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from bundlekit import digests, strict_json
from bundlekit._version import __version__
from bundlekit.errors import Damaged, TooNew, Unwritable
from bundlekit.need import Digest, Need  # noqa: TC001 - msgspec reads the annotations
from bundlekit.tensor_index import Size, Tensor, Value, check_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT_VERSION = 1
"""The version of the format that this release writes, and the newest that it reads.

Before raising it: keep the reader of the old version and its files in `tests/released/`;
say in `docs/format.md` what changed; set `min_reader_version` to the oldest version whose
readers restore the new files; note it in `CHANGELOG.md`. An optional field with a default
that old readers may not skip is a new version too, because fields are closed.
"""

MAX_MANIFEST_SIZE = 32 * 1024 * 1024
"""Bytes. Threat: a manifest made to fill the memory of whoever inspects it. A tensor takes
about 150 bytes here, so this is room for 200,000 tensors; large models have 10,000."""

MAX_MANIFEST_DEPTH = 64
"""Levels. Threat: nesting that exhausts a parser's stack. Each level of nested parts takes
two, user metadata the rest; real ones stay below 20."""

MAX_PART_DEPTH = 16
"""Parts inside parts. Threat: as above. A pipeline in a search in a pipeline is three."""

_OWNED = re.compile(r"(?P<owner>(?:parts/[^/]+/)*)(?!parts/).+", re.DOTALL)
PART_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]{0,62}[A-Za-z0-9_\-])?")

Version = Annotated[int, msgspec.Meta(ge=1)]


class Member(Value, frozen=True, kw_only=True):
    """One stored file: where it is, how large, and its digest in hex; see `bundlekit.digests`."""

    path: str
    size: Size
    sha256: Digest
    chunks: tuple[Digest, ...] = ()
    """The digests of its chunks, if it is larger than `PLAIN_SIZE`."""

    def __post_init__(self) -> None:
        digests.require_sound(self.path, self.size, self.sha256, self.chunks)


class TensorSpec(Value, frozen=True, kw_only=True):
    """One input or output: its name, dtype, and shape; `None` is a dimension that varies."""

    name: str
    dtype: str
    shape: tuple[Size | None, ...]


class Signature(Value, frozen=True, kw_only=True):
    """What the object takes and gives, flattened in the framework's own order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


class Loss(Value, frozen=True, kw_only=True):
    """Something that this artifact does not keep, and why."""

    what: str
    why: str


class Part(Value, frozen=True, kw_only=True):
    """What is stored of one object: who wrote it, what it is, what it holds.

    A part's members are those below its prefix: none for the outermost part,
    `parts/<name>/` for a part of it, and so on inwards.
    """

    adapter: str
    """The name of the adapter that wrote it and can read it."""
    payload_version: Version
    """The version of that adapter's payload."""
    distribution: str
    """The distribution that the adapter came with: what to install to read this."""
    type: str
    """The object's type, as `module.qualified_name`."""
    kind: str
    """What it is in the framework's terms: `model`, `layer`, `estimator`, …"""
    name: str | None = None
    """The object's own name, or the one that `bundle(…, name=)` gave."""
    signature: Signature | None = None
    """Inputs and outputs; `None` where the framework does not know them."""
    parameters: Size | None = None
    """The number of numbers that were learned or are to be; `None` where that means nothing."""
    capabilities: tuple[str, ...] = ()
    """What the restored object can do, computed from this object: `predict`, `fit`, …"""
    losses: tuple[Loss, ...] = ()
    """What is not kept."""
    states: tuple[str, ...] = ()
    """What is kept besides the weights: `optimizer`, `random`, `metrics`, …"""
    custom_objects: tuple[Need, ...] = ()
    """The classes and functions of the user's that restoring it takes."""
    tensors: tuple[Tensor, ...] = ()
    """The tensor index: paths of members are relative to the part, as everywhere in it."""
    parts: dict[str, Part] = msgspec.field(default_factory=dict)
    """The objects inside this one that are stored in their own native form, by name."""

    def __post_init__(self) -> None:
        if list(self.capabilities) != sorted(set(self.capabilities)):
            raise ValueError("capabilities are not sorted and unique")
        if list(self.states) != sorted(set(self.states)):
            raise ValueError("states are not sorted and unique")
        for name in self.parts:
            if not PART_NAME.fullmatch(name):
                raise ValueError(f"the part name {name!r} is not of the form {PART_NAME.pattern}")
        codes = [need.code for need in self.custom_objects if need.code]
        if len(codes) != len(set(codes)):
            raise ValueError("two custom objects have the same code")

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Part]]:
        """Yield every part with the prefix of its members, this one first."""
        yield prefix, self
        for name, part in sorted(self.parts.items()):
            yield from part.walk(part_prefix(prefix, name))


class Manifest(Part, frozen=True, kw_only=True):
    """What an artifact says about itself; the outermost `Part`, and what all parts share.

    Example:
        >>> import bundlekit
        >>> manifest = bundlekit.inspect("model.bundle")  # doctest: +SKIP
        >>> manifest.adapter, manifest.kind, manifest.capabilities  # doctest: +SKIP
        ('keras', 'model', ('evaluate', 'fit', 'predict'))
    """

    format_version: Version
    """The version of the format that the file is written to."""
    min_reader_version: Version
    """The oldest format version whose readers restore it."""
    members: tuple[Member, ...]
    """Every file of the archive but the manifest, sorted by path."""
    environment: dict[str, str]
    """What wrote it: bundlekit, Python, platform, framework, backend, numpy, … and versions."""
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    """The user's own JSON."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_reader_version > self.format_version:
            raise ValueError("min_reader_version is above format_version")
        paths = [member.path for member in self.members]
        if paths != sorted(set(paths)):
            raise ValueError("members are not sorted by path and unique")
        if "manifest.json" in paths:
            raise ValueError("the manifest cannot list itself")
        sizes = {member.path: member.size for member in self.members}
        for prefix, part in self.walk():
            if prefix.count("/") > 2 * MAX_PART_DEPTH:
                raise ValueError(f"parts are nested deeper than {MAX_PART_DEPTH} levels")
            check_tensors(prefix, part.tensors, sizes)
        _check_owners(paths, [prefix for prefix, _ in self.walk()])

    def encode(self) -> bytes:
        """Give the one spelling of this manifest, as stored in `manifest.json`."""
        return strict_json.encode(msgspec.to_builtins(self), what="the manifest")

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def digest(self) -> str:
        """The sha256 of `encode()`, in hex: it identifies the artifact and all it holds."""
        return hashlib.sha256(self.encode()).hexdigest()

    @classmethod
    def decode(cls, data: bytes | memoryview) -> Manifest:
        """Read a manifest.

        Raises:
            TooNew: written to a format that this release does not read.
            Damaged: not a manifest, or not in its one spelling.
            LimitExceeded: larger or deeper than any manifest.
        """
        raw = strict_json.decode(
            data, what="the manifest", max_size=MAX_MANIFEST_SIZE, max_depth=MAX_MANIFEST_DEPTH
        )
        _check_versions(raw)
        try:
            manifest = msgspec.convert(raw, cls, strict=True)
        except (msgspec.ValidationError, RecursionError) as error:
            raise Damaged(
                f"the manifest is not valid: {error}; the file was changed or not written by "
                f"bundlekit; get it again from where it came from",
            ) from error
        if manifest.encode() != bytes(data):
            raise Damaged(
                "the manifest is not in its canonical spelling (sorted keys, no white space, "
                "no optional field with its default value); the file was changed after bundlekit "
                "wrote it; get it again from where it came from",
            )
        return manifest


def build(**fields: Any) -> Manifest:
    """Construct a manifest of the current format; a field that breaks a law is refused.

    Raises:
        Unwritable: naming the field.
    """
    try:
        return msgspec.convert(
            {
                "format_version": FORMAT_VERSION,
                "min_reader_version": 1,
                **msgspec.to_builtins(fields),
            },
            Manifest,
        )
    except (msgspec.ValidationError, TypeError) as error:
        raise Unwritable(f"no manifest can hold this: {error}") from error


def part_prefix(prefix: str, name: str) -> str:
    """Give the prefix of the members of the part `name` inside the part at `prefix`."""
    return f"{prefix}parts/{name}/"


def _check_versions(raw: object) -> None:
    if not isinstance(raw, dict):
        raise Damaged(f"the manifest is a JSON {type(raw).__name__}; expected an object")
    versions = {field: raw.get(field) for field in ("format_version", "min_reader_version")}
    for field, found in versions.items():
        if type(found) is not int or found < 1:
            shown = repr(found)[:40]
            raise Damaged(f"the manifest's {field} is {shown}; expected an integer from 1 up")
        if found > FORMAT_VERSION:
            environment = raw.get("environment")
            writer = environment.get("bundlekit") if isinstance(environment, dict) else None
            remedy = f"bundlekit>={writer}" if isinstance(writer, str) else "--upgrade bundlekit"
            raise TooNew(
                f"the bundle is of a newer format: its {field} is {repr(found)[:40]}, and "
                f"bundlekit {__version__} reads formats up to {FORMAT_VERSION}; pip "
                f"install '{remedy}'",
                found=found,
                supported=FORMAT_VERSION,
                written_by=writer,
            )


def owner_of(path: str) -> str:
    """Give the prefix of the part that a member belongs to.

    Raises:
        ValueError: it belongs to none.
    """
    match = _OWNED.fullmatch(path)
    if match is None:
        raise ValueError(f"the member {path!r} belongs to no part")
    return match["owner"]


def _check_owners(paths: list[str], prefixes: list[str]) -> None:
    # A path below `parts/` belongs to the part that its prefix names; one that names none
    # would be a member that nobody reads.
    known = set(prefixes)
    for path in paths:
        if owner_of(path) not in known:
            raise ValueError(f"the member {path!r} belongs to no part")
