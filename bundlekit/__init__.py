"""One self-contained, versioned, verifiable byte artifact for a live model, and back.

    bundle:    object -> registry (who) -> adapter.pack (members, custom objects)
                      -> travel (how those get there) -> manifest -> artifact -> bytes
    unbundle:  bytes -> artifact (layout, manifest, digests) -> registry (who)
                     -> adapter.audit (needs) -> resolution (given, known, trusted)
                     -> environment (versions compared) -> adapter.unpack -> object
    adopt:     a file of others -> adapter.adopt (recognised by content) -> manifest -> artifact

There is one way in each direction, and no step goes back. The modules, along that way:

* `_bundle`: the verbs; the only module that sees all the others.
* `adoption`, `foreign`: what others wrote, as bundles; their files and folders, read with care.
* `packing`, `unpacking`: one object with all objects inside it, in each direction.
* `_registry`: installed adapters, found by entry point, chosen by the object's type.
* `need`: a class or function of the user's that an artifact takes from outside.
* `travel`: how it gets into another process, by reference or by value.
* `source_code`, `by_value`, `code_pickler`: its source text, and itself as bytes.
* `trust`: what a caller allows to be imported and run.
* `by_trust`: needs that no object fulfils, and trust alone allows.
* `resolution`: every need found, in a fixed order, before anything is built.
* `trusted_import`, `missing`: its fifth step; what it says of what was not found.
* `environment`, `here`: what wrote an artifact, compared with what is here.
* `diagnosis`, `install_line`: what is missing here to restore it; the line that installs it.
* `verification`: every check that needs no framework, and the one that does.
* `rebuilding`: a trial, when bundling, that the object comes back.
* `adapter`: the protocol that adapters follow. Each representation of each family of
  objects is one short class in `adapters/`, and uses the framework's own serializer.
* `payload`: what is stored of one object, as its adapter sees it.
* `tensor_reader`, `range_reader`: its tensors, one by one, as soon as they are checked.
* `reading`: how far a caller wants these checked, and where.
* `manifest`: what an artifact says about itself, as frozen values with one spelling.
* `tensor_index`: where in a member each variable's bytes lie.
* `artifact`: a manifest and members to and from bytes, in one pass over them.
* `digests`, `crc`: what a member's digest and checksum are made of, so that its parts can be
  computed one by one; `jobs`, `switching`: on all cores.
* `pieces`, `sink`: what is written, and where to; `memory`, `scratch`: where it is read to.
* `layout`: which zip archives are artifacts, record by record.
* `member_names`: which names are one file on every system.
* `source`: bytes and files as one thing that ranges are read from.
* `atomic`: files that are there whole or not at all.
* `progress`: how far the work is, for whoever wants to know.
* `strict_json`: JSON in one spelling, read strictly.
* `options`: an option that nobody knows is an error.
* `load_report`: what became of each weight that was loaded into a model.
* `handle`, `held`, `restored`: an object that behaves as a model and is pickled as its bundle;
  what it holds; what was restored in this process, once.
* `part_names`, `sharing`: what objects inside of others are called, and what they have in common.
* `bundle_type`, `card`: the bundle as an immutable value, and what a person sees of it.
* `errors`: what can go wrong, as types.

Beside the way stand `cli`, `testing` and `pytest_plugin`.

Importing this package loads nothing but the standard library; names are looked up when they
are first used. The core never imports a framework.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from bundlekit._version import __version__
from bundlekit.errors import (
    AdapterBroken,
    AdapterConflict,
    AdapterMissing,
    AmbiguousCustomObject,
    BundleError,
    BundleWarning,
    Damaged,
    FrameworkMissing,
    IncompleteLoad,
    InferenceOnly,
    InvalidCustomObject,
    InvalidInputs,
    InvalidTarget,
    InvalidTrust,
    LimitExceeded,
    MissingCustomObjects,
    NoSuchMember,
    NotABundle,
    NotBuilt,
    NotRestorable,
    ProbeFailed,
    Refused,
    SourceMissing,
    SourceUnreadable,
    TargetExists,
    TargetUnusable,
    TooNew,
    TooOld,
    UnknownOption,
    UnknownSignature,
    UnsupportedObject,
    UnsupportedSource,
    Unwritable,
)

if TYPE_CHECKING:
    from bundlekit._bundle import bundle, dump, dumps, inspect, load, loads, unbundle, verify
    from bundlekit.adoption import adopt
    from bundlekit.bundle_type import Bundle
    from bundlekit.handle import portable
    from bundlekit.load_report import LoadReport
    from bundlekit.manifest import Manifest
    from bundlekit.trust import Trust

_HOMES = {
    "bundlekit._bundle": (
        "bundle", "dump", "dumps", "inspect", "load", "loads", "unbundle", "verify",
    ),
    "bundlekit.adoption": ("adopt",),
    "bundlekit.bundle_type": ("Bundle",),
    "bundlekit.handle": ("portable",),
    "bundlekit.load_report": ("LoadReport",),
    "bundlekit.manifest": ("Manifest",),
    "bundlekit.trust": ("Trust",),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AdapterBroken",
    "AdapterConflict",
    "AdapterMissing",
    "AmbiguousCustomObject",
    "Bundle",
    "BundleError",
    "BundleWarning",
    "Damaged",
    "FrameworkMissing",
    "IncompleteLoad",
    "InferenceOnly",
    "InvalidCustomObject",
    "InvalidInputs",
    "InvalidTarget",
    "InvalidTrust",
    "LimitExceeded",
    "LoadReport",
    "Manifest",
    "MissingCustomObjects",
    "NoSuchMember",
    "NotABundle",
    "NotBuilt",
    "NotRestorable",
    "ProbeFailed",
    "Refused",
    "SourceMissing",
    "SourceUnreadable",
    "TargetExists",
    "TargetUnusable",
    "TooNew",
    "TooOld",
    "Trust",
    "UnknownOption",
    "UnknownSignature",
    "UnsupportedObject",
    "UnsupportedSource",
    "Unwritable",
    "__version__",
    "adopt",
    "bundle",
    "dump",
    "dumps",
    "inspect",
    "load",
    "loads",
    "portable",
    "unbundle",
    "verify",
]


def __getattr__(name: str) -> object:
    if name in ("adapter", "testing"):
        return importlib.import_module(f"bundlekit.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'bundlekit' has no attribute {name!r}")
    found: object = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "adapter", "testing"})
