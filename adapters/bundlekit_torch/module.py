"""The adapter `torch`: any `torch.nn.Module`, its tensors in safetensors."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Context, CustomObject, Description, Loss, Need, Out, Payload
from bundlekit.errors import BundleError, Damaged, FrameworkMissing, Unwritable
from bundlekit.home import home_of
from bundlekit_torch.structure import Taken, is_own, put_together, require

if TYPE_CHECKING:
    from collections.abc import Mapping

STRUCTURE = "module.json"
TENSORS = "tensors.safetensors"
ATTRIBUTES = "attributes"


class TorchAdapter:
    """A PyTorch module: classes by name, plain attributes, parameters and buffers."""

    name = "torch"
    version = 1
    reads = (1,)
    types = ("torch.nn.Module",)
    default = True
    deterministic = True
    pack_options = ()
    unpack_options = ()
    members = (STRUCTURE, TENSORS, f"parts/{ATTRIBUTES}/…")
    gives = "the module, on the CPU"
    keeps = (
        "parameters and buffers, which of them are the same, and which learn",
        "submodules, and which of them are the same",
        "plain attributes",
        "training or evaluation mode",
        "classes of yours, by reference or by value",
    )
    loses = ("hooks", "the device", "gradients")

    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write structure and tensors; plain attributes are a part, a composite.

        Raises:
            NotBuilt: a lazy module that was not called yet.
            Unwritable: a module that only PyTorch can make, or an attribute that nobody knows.
        """
        torch = _torch()
        taken = Taken(torch, obj)
        homes = [home_of(cls) for cls in taken.classes]
        classes = [
            {"module": module or "", "name": cls.__name__, "qualname": qualname}
            for cls, (module, qualname) in zip(taken.classes, homes, strict=True)
        ]
        try:
            data = importlib.import_module("safetensors.torch").save(taken.tensors)
        except Exception as error:
            raise Unwritable(f"safetensors does not store the tensors: {error}") from error
        out.add(TENSORS, data, tensors=True)
        out.add_json(STRUCTURE, {"classes": classes, "modules": taken.structure})
        out.part(ATTRIBUTES, taken.attributes, "composite")
        hooks = f"hooks of {', '.join(place or 'the module' for place in taken.hooked)}"
        return Description(
            kind="module",
            parameters=sum(one.numel() for one in obj.parameters()),
            capabilities=("predict",),
            losses=(Loss(what=hooks, why="they are functions that run"),) if taken.hooked else (),
            custom_objects=tuple(
                CustomObject(obj=cls, name=cls.__name__, kind="module", where=_places(taken, index))
                for index, cls in enumerate(taken.classes)
                if not is_own(str(homes[index][0]))
            ),
            environment={"torch": str(torch.__version__)},
        )

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Name the classes that are not PyTorch's own."""
        payload.read(TENSORS)
        found = payload.json(STRUCTURE)
        for path in payload.paths:
            if path not in (STRUCTURE, TENSORS):
                raise Damaged(f"{path} is no member of the adapter 'torch'", member=path)
        if set(payload.parts) != {ATTRIBUTES}:
            raise Damaged(f"it has the parts {sorted(payload.parts)}; expected {ATTRIBUTES!r}")
        require(found)
        return tuple(_needs(found, list(payload.part.custom_objects)).values())

    def requires(self, payload: Payload) -> tuple[str, ...]:
        """Name what restores it."""
        return ("torch>=2.4", "safetensors")

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Put the module together, without calling its constructor.

        Raises:
            Damaged: structure, attributes and tensors do not fit each other.
        """
        torch = _torch()
        found = payload.json(STRUCTURE)
        needs = _needs(found, list(payload.part.custom_objects))

        def class_of(index: int) -> Any:
            if index in needs:
                return context.objects[needs[index]]
            one = found["classes"][index]
            return getattr(importlib.import_module(one["module"]), one["qualname"])

        attributes = context.restore(payload.parts[ATTRIBUTES])
        load = importlib.import_module("safetensors.torch").load
        try:
            tensors = load(bytes(payload.read(TENSORS)))
            return put_together(torch, found["modules"], class_of, attributes, tensors)
        except BundleError:
            raise
        except Exception as error:
            raise Damaged(f"{STRUCTURE} does not fit the rest: {error}") from error


def _needs(found: Any, declared: list[Need]) -> dict[int, Need]:
    """Give the classes that are needed, by their numbers, as the manifest declares them."""
    needs: dict[int, Need] = {}
    for index, one in enumerate(found["classes"]):
        if is_own(one["module"]):
            continue
        name = one["name"]
        places = tuple(
            f"modules[{n}]" for n, module in enumerate(found["modules"]) if module["class"] == index
        )
        need = next(
            (n for n in declared if n.class_name == name and n.where[:1] == places[:1]), None
        )
        if need is not None:
            declared.remove(need)
        needs[index] = need or Need(
            name=name,
            class_name=name,
            kind="module",
            module=one["module"],
            qualname=one["qualname"],
            where=places,
        )
    if declared:
        raise Damaged(
            f"the manifest declares {declared[0].name!r}, which the module does not use",
            name=declared[0].name,
        )
    return needs


def _places(taken: Taken, index: int) -> tuple[str, ...]:
    modules = enumerate(taken.structure)
    return tuple(f"modules[{n}]" for n, module in modules if module["class"] == index)


def _torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise FrameworkMissing(
            f"the adapter 'torch' needs PyTorch: {error}; pip install 'bundlekit[torch]'",
            framework="torch",
        ) from error
