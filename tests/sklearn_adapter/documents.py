"""Skeletons by hand, as payloads and as artifacts, and honest ones with a change in them."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from bundlekit_sklearn import skeleton
from bundlekit_sklearn.estimator import SklearnAdapter

import bundlekit
from bundlekit import manifest as manifests
from bundlekit.adapter import Context, Need, Part, Payload
from bundlekit.writing import Content, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ADAPTER = SklearnAdapter()


def document(root: Any, **changed: Any) -> bytes:
    from skops.io._protocol import PROTOCOL

    whole = {"functions": {}, "inside": {}, "parts": {}, "protocol": PROTOCOL, "root": root}
    return json.dumps({**whole, "skops": "0.13.0", **changed}).encode()


def payload(
    data: bytes,
    members: Mapping[str, bytes] = {},
    declared: Sequence[Need] = (),
    parts: Mapping[str, Payload] = {},
) -> Payload:
    part = Part(
        adapter="sklearn",
        payload_version=1,
        distribution="bundlekit",
        type="sklearn.pipeline.Pipeline",
        kind="estimator",
        custom_objects=tuple(declared),
        parts={name: inner.part for name, inner in parts.items()},
    )
    return Payload(part, {"skeleton.json": data, **members}, parts)


def audited(root: Any, **changed: Any) -> tuple[Need, ...]:
    return ADAPTER.audit(payload(document(root, **changed)))


def made(root: Any, **changed: Any) -> Any:
    """Audit and unpack what needs nothing."""
    hostile = payload(document(root, **changed))
    assert ADAPTER.audit(hostile) == ()
    return ADAPTER.unpack(hostile, Context(restore=lambda inner: inner))


def artifact(root: Any) -> bytes:
    """Write a skeleton as an artifact that declares nothing."""
    file = io.BytesIO()
    known = {
        "adapter": "sklearn",
        "payload_version": 1,
        "distribution": "bundlekit",
        "type": "sklearn.pipeline.Pipeline",
        "kind": "estimator",
        "environment": {},
    }
    contents = {"skeleton.json": Content(document(root))}
    write(file, contents, lambda found: manifests.build(**known, members=found))
    return file.getvalue()


def array(values: Any) -> dict[str, Any]:
    """Spell an array."""
    file = io.BytesIO()
    np.save(file, values, allow_pickle=True)
    return {"array": "numpy:ndarray", "data": base64.b64encode(file.getvalue()).decode()}


def stored(estimator: Any) -> Payload:
    """Give what `pack` makes of an estimator without models."""
    bundled = bundlekit.bundle(estimator)
    members = {path: bundled.read(path) for path in bundled.members}
    return payload(members.pop("skeleton.json"), members)


def changed(estimator: Any, change: Callable[[Any], object]) -> Payload:
    """Give the same with a change in its skeleton, where all arrays stand inside."""
    honest = stored(estimator)
    whole = json.loads(bytes(honest.read("skeleton.json")))
    for _, node in skeleton.walk(whole["root"]):
        for one in (node, node.get("fields", {}).get("file", {})):
            if "file" in one and isinstance(one["file"], str):
                one["data"] = base64.b64encode(bytes(honest.read(one.pop("file")))).decode()
    change(whole["root"])
    return payload(json.dumps(whole).encode())


def values(node: Any) -> Any:
    """Read an array of a skeleton, to be changed and spelled again."""
    return np.load(io.BytesIO(base64.b64decode(node["data"])))


def rewrite(node: Any, change: Callable[[Any], object]) -> None:
    """Change the numbers of an array of a skeleton, in place."""
    found = values(node)
    result = change(found)
    node["data"] = array(found if result is None else result)["data"]
