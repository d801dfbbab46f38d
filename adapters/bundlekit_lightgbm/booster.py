"""The adapter `lightgbm`: a booster as LightGBM itself saves it."""

from __future__ import annotations

import importlib
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Context, Description, Need, Out, Payload
from bundlekit.errors import Damaged, FrameworkMissing, NotRestorable

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL = "model.txt"
BESIDE = "training.json"


class LightGBMAdapter:
    """A `lightgbm.Booster`, with its feature names, and beside it its best iteration."""

    name = "lightgbm"
    version = 1
    reads = (1,)
    types = ("lightgbm.Booster",)
    default = True
    deterministic = True
    pack_options = ()
    unpack_options = ()
    members = (MODEL, BESIDE)
    gives = "the booster"
    keeps = ("all trees", "names of features", "categories of pandas", "best iteration and score")
    loses = ("the data that it was trained on",)

    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write the booster as text, with the trees after the best iteration too."""
        out.add(MODEL, obj.model_to_string(num_iteration=-1).encode())
        score = [
            [name, [[metric, repr(float(value))] for metric, value in found.items()]]
            for name, found in (obj.best_score or {}).items()
        ]
        out.add_json(BESIDE, {"best_iteration": obj.best_iteration, "best_score": score})
        return Description(
            kind="booster",
            capabilities=("predict",),
            environment={"lightgbm": _lightgbm().__version__},
        )

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Make sure that it is a model and nothing else; it names no classes."""
        if not bytes(payload.read(MODEL)[:5]) == b"tree\n":
            raise Damaged(f"{MODEL} is no model of LightGBM", member=MODEL)
        _beside(payload)
        for path in payload.paths:
            if path not in self.members:
                raise Damaged(f"{path} is no member of the adapter 'lightgbm'", member=path)
        return ()

    def requires(self, payload: Payload) -> tuple[str, ...]:
        """Name what restores it."""
        return ("lightgbm>=4.5",)

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Let LightGBM read its model.

        Raises:
            NotRestorable: LightGBM does not.
        """
        lightgbm = _lightgbm()
        iteration, score = _beside(payload)
        text = bytes(payload.read(MODEL)).decode("utf-8", "replace")
        try:
            booster = lightgbm.Booster(model_str=text)
        except Exception as error:
            raise NotRestorable(f"LightGBM could not read its model: {error}") from error
        booster.best_iteration = iteration
        booster.best_score = score
        return booster


def _beside(payload: Payload) -> tuple[int, dict[str, OrderedDict[str, float]]]:
    """Read what LightGBM's own text does not hold: the best iteration and its scores, in order."""
    found = payload.json(BESIDE)
    try:
        if found.keys() != {"best_iteration", "best_score"}:
            raise ValueError(f"found {sorted(found)}")
        if type(found["best_iteration"]) is not int:
            raise ValueError(f"the best iteration is {found['best_iteration']!r}")
        score: dict[str, OrderedDict[str, float]] = defaultdict(OrderedDict)
        for name, metrics in found["best_score"]:
            score[str(name)] = OrderedDict((str(one), float(value)) for one, value in metrics)
    except (AttributeError, TypeError, ValueError) as error:
        raise Damaged(
            f"{BESIDE} is not what the adapter 'lightgbm' writes: {error}", member=BESIDE
        ) from error
    return found["best_iteration"], score


def _lightgbm() -> Any:
    try:
        return importlib.import_module("lightgbm")
    except (ImportError, OSError) as error:  # OSError: the library of OpenMP is not there
        raise FrameworkMissing(
            f"the adapter 'lightgbm' needs LightGBM: {error}; pip install 'bundlekit[lightgbm]'",
            framework="lightgbm",
        ) from error
