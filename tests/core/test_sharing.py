"""Parts inside of parts, with boxes that an adapter on disk stores; `tests/workflows` has more."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

import bundlekit
from bundlekit import BundleWarning, Damaged, NotRestorable, sharing
from bundlekit.adapter import Part, Payload

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BOX = """
class Box:
    def __init__(self, *inner):
        self.inner = list(inner)


class BoxAdapter:
    name = "box"
    version = 1
    reads = (1,)
    types = ("box_bundle.Box",)
    default = True
    deterministic = True
    pack_options = ()
    unpack_options = ()
    loses_inner = False

    def pack(self, obj, out, options):
        from bundlekit.adapter import Description

        out.add_json("box.json", self.written(obj))
        return Description(kind="box")

    def written(self, box):
        return [self.written(one) for one in box.inner]

    def audit(self, payload):
        payload.json("box.json")
        return ()

    def made(self, written):
        return Box(*(self.made(one) for one in written))

    def unpack(self, payload, context):
        return Box() if self.loses_inner else self.made(payload.json("box.json"))

    def inner(self, obj):
        found = {}
        for index, one in enumerate(obj.inner):
            found[str(index)] = one
            found |= {f"{index}/{place}": deep for place, deep in self.inner(one).items()}
        return found
"""


@pytest.fixture(autouse=True)
def _installed(install: Callable[..., Path]) -> None:
    install("box", "box_bundle", BOX, {"box": "box_bundle:BoxAdapter"})


def box(*inner: Any) -> Any:
    from box_bundle import Box  # type: ignore[import-not-found]

    return Box(*inner)


def again(obj: Any) -> Any:
    return bundlekit.unbundle(bundlekit.bundle(obj))


def test_a_part_inside_of_another_is_stored_once_and_comes_back_as_itself() -> None:
    small = box()
    middle = box(box(), small)
    bundle = bundlekit.bundle({"small": small, "middle": middle, "large": box(middle)})
    assert list(bundle.manifest.parts) == ["large"]
    assert bundle.manifest.losses == ()
    found = bundlekit.unbundle(bundle)
    assert found["large"].inner[0] is found["middle"]
    assert found["middle"].inner[1] is found["small"]


def test_the_order_in_which_parts_are_met_does_not_matter() -> None:
    small = box()
    found = again([box(small), small])
    assert found[0].inner[0] is found[1]


def test_what_parts_share_without_being_inside_is_said_and_declared() -> None:
    common = box()
    with pytest.warns(BundleWarning, match="'a' and 'b' share 0; to train one of them"):
        bundle = bundlekit.bundle({"a": box(common), "b": box(common)})
    assert [loss.what for loss in bundle.manifest.losses] == ["that 'a' and 'b' share 0"]
    found = bundlekit.unbundle(bundle)
    assert found["a"].inner[0] is not found["b"].inner[0]


def test_parts_with_nothing_in_common_are_not_spoken_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bundle = bundlekit.bundle({"a": box(box()), "b": box(box())})
    assert sorted(bundle.manifest.parts) == ["a", "b"]


def test_a_place_that_the_restored_part_has_not_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = box()
    bundle = bundlekit.bundle({"a": box(small), "b": small})
    from box_bundle import BoxAdapter

    monkeypatch.setattr(BoxAdapter, "loses_inner", True)
    with pytest.raises(NotRestorable, match="'a' has nothing at '0', where a part was inside"):
        bundlekit.unbundle(bundle)


@pytest.mark.parametrize(
    ("used", "inside", "message"),
    [
        ({"a"}, {}, None),
        ({"a", "b"}, {"b": ["a", "0"]}, None),
        ({"b"}, {"b": ["a", "0"]}, None),
        ({"a", "b"}, {}, "uses the parts"),
        (set(), {}, "uses the parts"),
        ({"a"}, {"a": ["a", "0"]}, "uses the parts"),
        ({"a"}, {"b": ["a", "0"]}, "uses the parts"),
        ({"a", "b"}, {"b": ["c", "0"]}, "in which"),
        ({"a", "b"}, {"b": ["a"]}, "in which"),
        ({"a", "b"}, {"b": ["a", 0]}, "in which"),
        ({"a", "b"}, {"b": "a0"}, "in which"),
        ({"a"}, [], "in which"),
    ],
)
def test_what_is_used_is_stored_or_inside_of_what_is(
    used: set[str], inside: Any, message: str | None
) -> None:
    part = Part(adapter="box", payload_version=1, distribution="box", type="box.Box", kind="box")
    payload = Payload(part, {}, {"a": Payload(part, {}, {})})
    if message is None:
        sharing.require(payload, used, inside)
        return
    with pytest.raises(Damaged, match=message):
        sharing.require(payload, used, inside)
