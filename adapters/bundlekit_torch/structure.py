"""A module taken apart into classes, attributes and tensors, and put together again.

No constructor is called: a module does not say what it was constructed with. It is what it has in
it: submodules, parameters and buffers by name, and plain attributes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged, NotBuilt, Unwritable
from bundlekit_torch.constants import constant, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_OWN = re.compile(r"torch\.nn\.modules\.[a-z_]+")
_MADE_AGAIN = frozenset({"_flat_weights", "_flat_weight_refs"})
"""Attributes of recurrent modules that refer to their parameters."""
_HELD = ("parameters", "buffers", "modules")
_HOOKS = re.compile(r"_.*hooks(_.*)?")


class Taken:
    """A module, taken apart.

    Attributes:
        structure: its modules in JSON, each once, the outermost first.
        classes: their classes; modules name them by number.
        attributes: for each module, its plain attributes.
        tensors: parameters and buffers by name, each once.
        hooked: the modules whose hooks are lost.

    Raises:
        NotBuilt: a lazy module that has not seen an input yet.
        Unwritable: a module that no class makes again.
    """

    def __init__(self, torch: Any, module: Any) -> None:
        self._torch = torch
        self._internals = vars(torch.nn.Module()).keys()
        self._numbers: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self.structure: list[dict[str, Any]] = []
        self.classes: list[type] = []
        self.attributes: list[dict[str, Any]] = []
        self.tensors: dict[str, Any] = {}
        self.places: list[str] = []
        self.hooked: list[str] = []
        self._take(module, "")
        for place, held in zip(self.places, self.attributes, strict=True):
            for one in _inside(held, set()):
                if id(one) in self._numbers:
                    self._refuse_second(place, one)

    def _take(self, module: Any, place: str) -> int:
        if id(module) in self._numbers:
            return self._numbers[id(module)]
        cls = type(module)
        if isinstance(module, self._torch.jit.ScriptModule) or hasattr(module, "parametrizations"):
            raise Unwritable(
                f"the module at {place or 'the top'} is of {cls.__module__}.{cls.__qualname__}, "
                f"which PyTorch makes while it runs; bundle the module that it was made of",
                where=place,
            )
        number = self._numbers[id(module)] = len(self.structure)
        found: dict[str, Any] = {"class": self._class(cls), "training": module.training}
        self.structure.append(found)
        self.places.append(place)
        held = vars(module)
        plain = held.keys() - self._internals - _MADE_AGAIN
        constants = {name: told(self._torch, held[name]) for name in plain}
        found["constants"] = {name: one for name, one in constants.items() if one}
        plain -= found["constants"].keys()
        self.attributes.append({name: held[name] for name in held if name in plain})
        if any(held[name] for name in self._internals if _HOOKS.fullmatch(name)):
            self.hooked.append(place)
        # Pairs, as their order counts: it is the order in which a Sequential calls its modules.
        found["parameters"] = [
            [name, self._tensor(one, f"{place}{name}")] for name, one in module._parameters.items()
        ]
        found["buffers"] = [
            [name, self._tensor(one, f"{place}{name}")] for name, one in module._buffers.items()
        ]
        found["passing"] = sorted(module._non_persistent_buffers_set)
        found["modules"] = [
            [name, None if one is None else self._take(one, f"{place}{name}.")]
            for name, one in module._modules.items()
        ]
        return number

    def _class(self, cls: type) -> int:
        if cls not in self.classes:
            self.classes.append(cls)
        return self.classes.index(cls)

    def _tensor(self, tensor: Any, name: str) -> dict[str, Any] | None:
        if tensor is None:
            return None
        if self._torch.nn.parameter.is_lazy(tensor):
            raise NotBuilt(f"{name} has no shape yet; call the module on some input first")
        if id(tensor) not in self._names:
            self._names[id(tensor)] = name
            try:
                self.tensors[name] = tensor.detach().cpu().contiguous()
            except (NotImplementedError, RuntimeError) as error:  # sparse ones, and of no device
                raise Unwritable(f"{name} is no plain tensor: {error}", where=name) from error
        return {"tensor": self._names[id(tensor)], "learns": bool(tensor.requires_grad)}

    def _refuse_second(self, place: str, module: Any) -> None:
        first = self.places[self._numbers[id(module)]].rstrip(".")
        where = place.rstrip(".") or "the module"
        raise Unwritable(
            f"a plain attribute of {where} holds {f'the module {first}' if first else 'the whole'}"
            f", which would come back as two; hold it in a torch.nn.ModuleList",
            where=place,
        )


def _inside(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield what containers hold, at any depth."""
    if isinstance(value, dict | list | tuple | set | frozenset):
        if id(value) not in seen:
            seen.add(id(value))
            for one in value.values() if isinstance(value, dict) else value:
                yield from _inside(one, seen)
    else:
        yield value


def is_own(module: str) -> bool:
    """Tell whether a class of this module of PyTorch's needs no trust."""
    return _OWN.fullmatch(module) is not None


def require(found: Any) -> None:
    """Make sure that a structure is one.

    Raises:
        Damaged: it is none.
    """
    try:
        sound = _is_sound(found["classes"], found["modules"])
    except (AttributeError, KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise Damaged("module.json is none: it is not as the adapter 'torch' writes it")


def _is_sound(classes: Any, modules: Any) -> bool:
    def is_tensor(stored: Any) -> bool:
        return stored is None or (type(stored["tensor"]), type(stored["learns"])) == (str, bool)

    def is_number(stored: Any, among: Any) -> bool:
        return type(stored) is int and 0 <= stored < len(among)

    return bool(
        isinstance(classes, list)
        and isinstance(modules, list)
        and modules
        and all(type(one[key]) is str for one in classes for key in ("module", "name", "qualname"))
        and all(
            is_number(one["class"], classes)
            and type(one["training"]) is bool
            and all(type(name) is str for name in one["passing"])
            and all(type(kind) is str for kind, _ in one["constants"].values())
            and all(isinstance(one[key], list) for key in _HELD)
            and all(type(name) is str for key in _HELD for name, _ in one[key])
            and all(is_tensor(stored) for key in _HELD[:2] for _, stored in one[key])
            and all(stored is None or is_number(stored, modules) for _, stored in one["modules"])
            for one in modules
        )
    )


def put_together(
    torch: Any,
    structure: list[dict[str, Any]],
    class_of: Callable[[int], type],
    attributes: list[dict[str, Any]],
    tensors: Mapping[str, Any],
) -> Any:
    """Give the module that was taken apart.

    Raises:
        Damaged: the structure is none.
    """
    modules = []
    for one in structure:
        cls: Any = class_of(one["class"])
        if not issubclass(cls, torch.nn.Module):
            raise Damaged(f"{cls.__qualname__} is no module of PyTorch")
        module: Any = cls.__new__(cls)
        torch.nn.Module.__init__(module)
        modules.append(module)
    internals = vars(torch.nn.Module()).keys()
    made: dict[str, Any] = {}
    for module, one, held in zip(modules, structure, attributes, strict=True):
        if internals & held.keys():
            raise Damaged(f"an attribute is called {min(internals & held.keys())!r}")
        vars(module).update(held)
        for name, (told_as, value) in one["constants"].items():
            vars(module)[name] = constant(torch, told_as, value)
        for name, stored in one["parameters"]:
            module._parameters[name] = _tensor(stored, tensors, made, torch.nn.Parameter)
        for name, stored in one["buffers"]:
            module._buffers[name] = _tensor(stored, tensors, made, None)
        module._non_persistent_buffers_set = set(one["passing"])
        for name, number in one["modules"]:
            module._modules[name] = None if number is None else modules[number]
        module.training = bool(one["training"])
        if isinstance(module, torch.nn.RNNBase):
            module._init_flat_weights()
    if made.keys() != tensors.keys():
        raise Damaged(f"no module uses the tensors {sorted(tensors.keys() - made.keys())}")
    return modules[0]


def _tensor(stored: Any, tensors: Mapping[str, Any], made: dict[str, Any], kind: Any) -> Any:
    if stored is None:
        return None
    name = stored["tensor"]
    if name not in made:
        tensor, learns = tensors[name], bool(stored["learns"])
        made[name] = kind(tensor, learns) if kind else tensor.requires_grad_(learns)
    return made[name]
