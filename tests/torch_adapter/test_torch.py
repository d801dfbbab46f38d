"""What the adapter `torch` refuses, declares and needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import bundlekit
from bundlekit import BundleWarning, Damaged, MissingCustomObjects, NotBuilt, Unwritable
from bundlekit.adapter import Context, Payload

pytest.importorskip("torch")

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable


def again(obj: Any, **options: Any) -> Any:
    return bundlekit.unbundle(bundlekit.bundle(obj), **options)


def test_a_module_in_a_dict_comes_back_with_what_is_beside_it() -> None:
    found = again({"net": nn.Linear(2, 1), "threshold": np.float32(0.3)})
    assert isinstance(found["net"], nn.Linear)
    assert found["threshold"] == np.float32(0.3)


def test_what_comes_back_learns_on() -> None:
    net = again(nn.Sequential(nn.LSTM(3, 4, batch_first=True)))
    net(torch.ones(2, 5, 3))[0].sum().backward()
    assert all(one.grad is not None for one in net.parameters())


def test_a_lazy_module_is_not_built() -> None:
    with pytest.raises(NotBuilt, match="weight has no shape yet; call the module"):
        bundlekit.bundle(nn.LazyLinear(3))


def test_what_pytorch_makes_while_it_runs_is_refused() -> None:
    with pytest.raises(Unwritable, match="which PyTorch makes while it runs"):
        bundlekit.bundle(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)))


def test_hooks_are_declared_as_lost() -> None:
    net = nn.Sequential(nn.Linear(2, 2))
    net[0].register_forward_hook(lambda *_: None)
    assert [loss.what for loss in bundlekit.bundle(net).manifest.losses] == ["hooks of 0."]
    assert bundlekit.bundle(nn.Linear(2, 2)).manifest.losses == ()


def test_an_attribute_that_nobody_knows_is_refused_with_its_place() -> None:
    net = nn.Linear(2, 2)
    net.lock = object()
    with pytest.raises(Unwritable, match=r"\['lock'\] is of builtins\.object"):
        bundlekit.bundle(net)


class Mine(nn.Module):
    def forward(self, x: Any) -> Any:
        return x


def test_a_class_of_the_users_is_a_need_and_is_given_or_trusted() -> None:
    data = bundlekit.dumps(nn.Sequential(Mine()), code="value")
    (need,) = bundlekit.Bundle(data).needs
    assert (need.name, need.kind, need.where) == ("Mine", "module", ("modules[1]",))
    with pytest.warns(BundleWarning, match="the source of Mine is not what it was"):
        found = bundlekit.unbundle(data, custom_objects={"Mine": nn.Identity})
    assert type(found[0]) is nn.Identity


def changed(change: Callable[[dict[str, Any]], object]) -> Payload:
    """Give the payload of a small module, changed as nobody would write it."""
    bundle = bundlekit.bundle(nn.Linear(2, 2))
    members = {name: bundle.read(name) for name in ("module.json", "tensors.safetensors")}
    structure = json.loads(members["module.json"])
    change(structure)
    members["module.json"] = json.dumps(structure).encode()
    part = bundle.manifest
    return Payload(part, members, {"attributes": Payload(part.parts["attributes"], {}, {})})


def adapter() -> Any:
    from bundlekit_torch.module import TorchAdapter

    return TorchAdapter()


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.pop("classes"),
        lambda found: found.update(classes=[5]),
        lambda found: found.update(modules=None),
        lambda found: found.update(modules=[]),
        lambda found: found["modules"][0].update({"class": 3}),
        lambda found: found["modules"][0].update(buffers={}),
        lambda found: found["modules"][0].update(passing=[1]),
        lambda found: found["modules"][0].update(parameters=[["weight", 3]]),
        lambda found: found["modules"][0].update(modules=[["x", 7]]),
        lambda found: found["modules"][0].pop("class"),
    ],
)
def test_a_structure_that_is_none_is_damaged(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(Damaged, match=r"module\.json is none"):
        adapter().audit(changed(change))


def test_a_class_outside_of_pytorchs_modules_is_a_need_and_not_imported() -> None:
    def elsewhere(found: dict[str, Any]) -> None:
        found["classes"][0] = {"module": "os", "name": "system", "qualname": "system"}

    (need,) = adapter().audit(changed(elsewhere))
    assert need.reference == "os:system"


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found["classes"][0].update(qualname="math", name="math"),
        lambda found: found["classes"][0].update(qualname="F", name="F"),
        lambda found: found["modules"][0].update(
            parameters=[["weight", {"tensor": "no", "learns": True}]]
        ),
        lambda found: found["modules"].append(found["modules"][0]),
    ],
)
def test_a_structure_that_fits_nothing_is_damaged(
    change: Callable[[dict[str, Any]], object],
) -> None:
    payload = changed(change)
    context = Context(restore=lambda _: [{}])
    with pytest.raises(Damaged, match=r"module\.json"):
        adapter().audit(payload)
        adapter().unpack(payload, context)


def test_without_its_class_nothing_is_made() -> None:
    class Local(nn.Module):
        def forward(self, x: Any) -> Any:
            return x

    data = bundlekit.dumps(Local())
    del Local
    import gc

    gc.collect()  # this process would still know it
    with pytest.raises(MissingCustomObjects, match="Local"):
        bundlekit.unbundle(data)
