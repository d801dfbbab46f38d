"""What PyTorch itself defines needs no trust, and what would come back as another is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import bundlekit
from bundlekit import Damaged, Unwritable
from bundlekit.adapter import Context, Payload

pytest.importorskip("torch")

import torch
from bundlekit_torch import constants
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable


def again(obj: Any) -> Any:
    return bundlekit.unbundle(bundlekit.dumps(obj))


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_functions_of_pytorch_in_its_own_modules_need_no_trust(activation: str) -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, activation=activation, batch_first=True)
    net = nn.TransformerEncoder(layer, 2).eval()
    bundle = bundlekit.bundle(net)
    x = torch.randn(2, 3, 4)
    found = bundlekit.unbundle(bundle)
    assert bundle.needs == ()
    assert found.layers[1].activation is getattr(functional, activation)
    assert torch.equal(found(x), net(x))


def test_dtypes_and_sizes_are_kept() -> None:
    net = nn.Linear(2, 2)
    net.kind, net.shape = torch.bfloat16, torch.Size([3, 4])
    found = again(net)
    assert found.kind is torch.bfloat16
    assert type(found.shape) is torch.Size
    assert found.shape == (3, 4)


@pytest.mark.parametrize("name", ["relu", "conv2d", "max_pool2d", "scaled_dot_product_attention"])
def test_functions_that_compute_are_told_by_name(name: str) -> None:
    function = getattr(functional, name)
    assert constants.told(torch, function) == ["function", name]
    assert constants.constant(torch, "function", name) is function


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("function", "handle_torch_function"), ("function", "has_torch_function"),
        ("function", "boolean_dispatch"), ("function", "_canonical_mask"), ("function", "math"),
        ("function", "importlib"), ("function", "load"), ("function", "no_such"),
        ("dtype", "load"), ("dtype", "relu"), ("dtype", "no_such"), ("module", "relu"),
    ],
)  # fmt: skip
def test_no_name_leads_elsewhere(kind: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"has no {kind} '{name}'"):
        constants.constant(torch, kind, name)


def test_a_list_of_what_is_a_submodule_too_is_refused() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    net.layers = {"of interest": [(net[0],)]}
    with pytest.raises(Unwritable, match="attribute of the module holds the module 0, which would"):
        bundlekit.dumps(net)


def test_a_module_that_holds_itself_in_a_list_is_refused() -> None:
    net = nn.Sequential(nn.Linear(2, 2))
    net[0].owner = [net]
    with pytest.raises(Unwritable, match="attribute of 0 holds the whole, which would come"):
        bundlekit.dumps(net)


def test_a_module_in_a_list_that_is_no_submodule_is_kept() -> None:
    net = nn.Linear(2, 2)
    net.teachers = [nn.Linear(2, 2)]
    found = again(net)
    assert len(list(found.parameters())) == 2
    assert torch.equal(found.teachers[0].weight, net.teachers[0].weight)


def test_buffers_are_what_they_were() -> None:
    net = nn.Module()
    net.register_buffer("kept", torch.ones(2, requires_grad=True))
    net.register_buffer("passing", torch.arange(3), persistent=False)
    net.register_buffer("none", None)
    found = again(net)
    assert [name for name, _ in found.named_buffers()] == ["kept", "passing"]
    assert list(found.state_dict()) == ["kept"]
    assert (found.kept.requires_grad, found.passing.requires_grad) == (True, False)
    assert (found.none, found.passing.dtype) == (None, torch.int64)


def test_frozen_parameters_and_modes_are_what_they_were() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.BatchNorm1d(2))
    net[0].weight.requires_grad_(False)
    net[1].eval()
    found = again(net)
    assert [one.requires_grad for one in found.parameters()] == [False, True, True, True]
    assert [one.training for one in found.modules()] == [True, True, False, True]


def test_every_kind_of_number_is_kept() -> None:
    kinds = [torch.bfloat16, torch.float16, torch.complex64, torch.int8, torch.bool, torch.float64]
    numbers = [nn.Parameter(torch.ones(2).to(kind), requires_grad=False) for kind in kinds]
    found = again(nn.ParameterList([*numbers, nn.Parameter(torch.tensor(2.0))]))
    assert [one.dtype for one in found][:-1] == kinds
    assert all(torch.equal(one, two) for one, two in zip(found, numbers, strict=False))
    assert found[-1].shape == ()


def shared() -> nn.Module:
    """Give a module whose buffer is a row of its parameter."""
    net = nn.Linear(2, 2)
    net.register_buffer("row", net.weight.detach()[0])
    return net


UNWRITABLE: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "no device": (lambda: nn.Linear(2, 2, device="meta"), "weight is no plain tensor: Cannot copy"),
    "sparse": (
        lambda: nn.ParameterList([nn.Parameter(torch.eye(2).to_sparse())]),
        "0 is no plain tensor: unsupported memory format",
    ),
    "views": (shared, "safetensors does not store the tensors: .*|Some tensors share memory"),
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_tensors_that_would_be_others_are_refused(name: str) -> None:
    make, expected = UNWRITABLE[name]
    with pytest.raises(Unwritable, match=expected):
        bundlekit.dumps(make())


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_module_of_torchscript_is_refused() -> None:
    with pytest.raises(Unwritable, match="RecursiveScriptModule, which PyTorch makes while it ru"):
        bundlekit.dumps(torch.jit.script(nn.Linear(2, 2)))


def unpacked(
    attributes: Any, change: Callable[[dict[str, Any]], object], tensors: Any = None
) -> Any:
    """Unpack a small module, with attributes, structure and tensors that nobody has written."""
    from bundlekit_torch.module import TorchAdapter

    bundle = bundlekit.bundle(nn.Linear(2, 2))
    structure = json.loads(bundle.read("module.json"))
    change(structure["modules"][0])
    members = {
        "module.json": json.dumps(structure).encode(),
        "tensors.safetensors": bundle.read("tensors.safetensors") if tensors is None else tensors,
    }
    part = bundle.manifest
    payload = Payload(part, members, {"attributes": Payload(part.parts["attributes"], {}, {})})
    TorchAdapter().audit(payload)
    return TorchAdapter().unpack(payload, Context(restore=lambda _: attributes))


def nothing(_: dict[str, Any]) -> None:
    pass


def test_honest_members_by_hand_make_a_module() -> None:
    found = unpacked([{"in_features": 2, "out_features": 2}], nothing)
    assert found(torch.ones(1, 2)).shape == (1, 2)


@pytest.mark.parametrize(
    ("attributes", "change", "tensors"),
    [
        ([{"_parameters": {}}], nothing, None),
        ([{"_forward_hooks": {0: print}}], nothing, None),
        ([5], nothing, None),
        ({}, nothing, None),
        ([{}], nothing, b""),
        ([{}], nothing, b"\xff" * 40),
        ([{}], lambda one: one.update(constants={"f": ["function", "importlib"]}), None),
        ([{}], lambda one: one.update(constants={"f": ["size", "ab"]}), None),
        ([{}], lambda one: one.update(constants={"f": ["function"]}), None),
        ([{}], lambda one: one.update(constants=[]), None),
        ([{}], lambda one: one.update(parameters=one["parameters"][:1]), None),
    ],
)
def test_members_that_do_not_fit_each_other_are_damaged(
    attributes: Any, change: Callable[[dict[str, Any]], object], tensors: Any
) -> None:
    with pytest.raises(Damaged, match=r"module\.json|an attribute is called '_|no module uses the"):
        unpacked(attributes, change, tensors)
