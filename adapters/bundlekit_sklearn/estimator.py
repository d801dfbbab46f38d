"""The adapter `sklearn`: estimators and pipelines, with the models that they hold.

Every model inside, at any depth, is a part of its own, stored by the adapter that claims it. What
is left of the estimator is stored by skops, without pickle, in few words: see `skeleton`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bundlekit import sharing
from bundlekit.adapter import Context, CustomObject, Description, Need, Out, Payload
from bundlekit.errors import Damaged, NotRestorable, Unwritable
from bundlekit.handle import is_handle, portable, unwrapped
from bundlekit.home import home_of
from bundlekit.part_names import part_name
from bundlekit_sklearn import assembly, described, indices, skeleton, skops_file, slimming
from bundlekit_sklearn.framework import REQUIRED, environment, require_skops
from bundlekit_sklearn.named import named, needs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bundlekit.source import Buffer
    from bundlekit_sklearn.stand_ins import StandIns

MEMBER = "skeleton.json"
_OWN = ("sklearn", "composite")
"""What these claim stays in the skeleton."""
_STORED = re.compile(r"(?:function|part)_[0-9]{1,9}")
_PROTOCOL = 2
"""The protocol of skops 0.13, and the lowest that is read."""
_PACKAGES = {"keras": "keras>=3.6", "lightgbm": "lightgbm", "xgboost": "xgboost"}


class SklearnAdapter:
    """Any estimator of scikit-learn's kind, fitted or not, and all models in it."""

    name = "sklearn"
    version = 1
    reads = (1,)
    types = ("sklearn.base.BaseEstimator",)
    default = True
    deterministic = True
    pack_options = ("drop",)
    unpack_options = ()
    members = (MEMBER, "arrays/…", "parts/…")
    gives = "the estimator, fitted if it was"
    keeps = (
        "parameters and everything that `fit` has learned",
        "models inside, at any depth, each as its own adapter keeps it",
        "which of these are one and the same object",
        "build functions and classes of yours, by reference or by value",
    )
    loses = ("what `drop=` names",)

    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write the skeleton, and every model inside as a part.

        With `drop=["history"]`, attributes of that name are left out wherever they are.

        Raises:
            Unwritable: something in it is nothing that skops stores; the message says what.
            UnknownOption: `drop` names what is not there.
        """
        require_skops()
        # They import numpy, which is not for those who only look an adapter up.
        from bundlekit_sklearn import faithful
        from bundlekit_sklearn.stand_ins import StandIns

        names = slimming.asked_for(options)
        standing = StandIns(obj, _elsewhere(out))
        schema, files = skops_file.dumps(standing.copy, type(obj).__name__)
        lost = slimming.drop(schema, names)
        document, beside = _spelled(schema, files, standing)
        named_parts = document["parts"].items()
        live = {one["part"]: unwrapped(standing.parts[stored]) for stored, one in named_parts}
        document["inside"], apart = sharing.store(out, live)
        for path, data in beside.items():
            out.add(path, data)
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
        out.add(MEMBER, text.encode("utf-8", "surrogatepass"))
        made = _read_back(document, beside, standing)
        if not names:
            meant = {id(one): key for key, one in (standing.parts | standing.functions).items()}
            faithful.require_same(standing.copy, made, standing.stand_ins, meant)
        return Description(
            kind=described.kind_of(obj),
            capabilities=described.capabilities(obj),
            losses=lost + apart,
            custom_objects=tuple(
                CustomObject(
                    obj=standing.live(one),
                    name=one.name,
                    kind=_kind(standing.live(one)),
                    where=tuple(one.places),
                )
                for one in named(document)
                if not one.is_allowed
            ),
            environment=environment(),
        )

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Name the classes and functions that are neither scikit-learn's nor Keras' own."""
        document = _document(payload)
        parts = {one["part"] for one in document["parts"].values()}
        sharing.require(payload, parts, document["inside"])
        used = {MEMBER}

        def read(path: str) -> Buffer:
            used.add(path)
            return payload.read(path)

        skeleton.expanded(document["root"], read)
        _require_known(document)
        indices.check(document["root"], read)
        for path in payload.paths:
            if path not in used:
                raise Damaged(f"{path} is no member of the adapter 'sklearn'", member=path)
        return needs(named(document), payload.part.custom_objects)

    def requires(self, payload: Payload) -> tuple[str, ...]:
        """Name what restores the estimator; its parts name what they take."""
        found = [one for one in named(_document(payload)) if one.is_allowed]
        packages = {one.module.partition(".")[0] for one in found}
        return (*REQUIRED, *(_PACKAGES[name] for name in sorted(packages & _PACKAGES.keys())))

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Restore the parts, and let skops construct the rest around them.

        Raises:
            NotRestorable: skops failed, with its error as the cause.
        """
        require_skops()
        document = _document(payload)
        at = {place: obj for need, obj in context.objects.items() for place in need.where}
        restored = sharing.Restoring(payload, context, document["inside"])
        parts = {stored: restored(one["part"]) for stored, one in document["parts"].items()}
        for stored, one in document["parts"].items():
            if one.get("handle"):
                parts[stored] = portable(parts[stored])
        return assembly.assembled(
            document, payload.read, own=lambda one: at[one.places[0]], parts=parts
        )


def _document(payload: Payload) -> dict[str, Any]:
    found = payload.json(MEMBER)
    kinds = {
        "functions": dict,
        "inside": dict,
        "parts": dict,
        "protocol": int,
        "root": object,
        "skops": str,
    }
    if not isinstance(found, dict) or found.keys() != kinds.keys():
        raise Damaged(f"{MEMBER} is no skeleton", member=MEMBER)
    for key, kind in kinds.items():
        if not isinstance(found[key], kind):
            raise Damaged(f"{MEMBER} has no {kind.__name__} as {key!r}", member=MEMBER)
    if found["protocol"] < _PROTOCOL:  # in which names stand where the audit does not look
        raise Damaged(f"{MEMBER} has the protocol {found['protocol']}, which none of ours is of")
    for stored, one in (found["functions"] | found["parts"]).items():
        keys = ("module", "name", "qualname") if stored in found["functions"] else ("part",)
        held = [one.get(key) for key in keys] if isinstance(one, dict) else [None]
        if not _STORED.fullmatch(stored) or not all(isinstance(text, str) for text in held):
            raise Damaged(f"{MEMBER} has {stored!r}, which stands for nothing", member=MEMBER)
    return found


def _require_known(document: Mapping[str, Any]) -> None:
    for place, node in skeleton.walk(document["root"]):
        stored = node.get("stored", "")
        if "stored" in node and stored not in document["functions"] | document["parts"]:
            raise Damaged(f"{MEMBER} has {stored!r} at {place}, which is not stored", member=MEMBER)


def _spelled(
    schema: dict[str, Any], files: Mapping[str, bytes], standing: StandIns
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Give what `skeleton.json` holds, and the files beside it."""
    protocol, skops_version = schema.pop("protocol"), schema.pop("_skops_version")
    root, beside = skeleton.spelled(schema, files)
    places: dict[str, str] = {}
    for place, node in skeleton.walk(root):
        if "stored" in node:  # the shortest place is the one that people know
            places[node["stored"]] = min(places.get(node["stored"], place), place, key=len)
    functions: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    names: dict[int, str] = {}
    for stored, place in places.items():
        if stored in standing.functions:
            module, qualname = home_of(standing.functions[stored])
            name = standing.functions[stored].__name__
            functions[stored] = {"module": module or "", "name": name, "qualname": qualname}
            continue
        live = standing.parts[stored]
        name = names.setdefault(id(unwrapped(live)), part_name(place, names.values()))
        parts[stored] = {"part": name, **({"handle": True} if is_handle(live) else {})}
    document = {
        "functions": functions,
        "inside": {},
        "parts": parts,
        "protocol": protocol,
        "root": root,
        "skops": skops_version,
    }
    return document, beside


def _read_back(document: Mapping[str, Any], beside: Mapping[str, bytes], standing: StandIns) -> Any:
    """Let skops read what it has stored: better found out now than by a reader."""
    what = type(standing.copy).__name__
    try:
        return assembly.assembled(
            document, beside.__getitem__, own=standing.live, parts=standing.parts
        )
    except NotRestorable as error:
        raise Unwritable(
            f"skops stores {what} and cannot read it back: {error.__cause__}; leave out of it what "
            f"is neither text, numbers, arrays nor objects with attributes",
            type=what,
        ) from error


def _kind(obj: object) -> str:
    if isinstance(obj, type):
        return "class"
    return "lambda" if getattr(obj, "__name__", "") == "<lambda>" else "function"


def _elsewhere(out: Out) -> Callable[[object], bool]:
    """Give what tells whether an object is a part: what another adapter than this one claims."""
    known: dict[type, bool] = {}

    def elsewhere(obj: object) -> bool:
        cls = type(obj)
        if cls not in known:
            known[cls] = is_handle(obj) or out.adapter_of(obj) not in (None, *_OWN)
        return known[cls]

    return elsewhere
