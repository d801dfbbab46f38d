"""The adapter `xgboost`: a booster as XGBoost itself saves it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bundlekit.adapter import Context, Description, Need, Out, Payload
from bundlekit.errors import Damaged, FrameworkMissing, NotRestorable, Unwritable

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL = "model.ubj"


class XGBoostAdapter:
    """An `xgboost.Booster`, with its feature names and best iteration."""

    name = "xgboost"
    version = 1
    reads = (1,)
    types = ("xgboost.Booster",)
    default = True
    deterministic = True
    pack_options = ()
    unpack_options = ()
    members = (MODEL,)
    gives = "the booster"
    keeps = ("trees or weights", "names and types of features", "best iteration", "attributes")
    loses = ("parameters of training that are no part of the model, such as `nthread`",)

    def pack(self, obj: Any, out: Out, options: Mapping[str, object]) -> Description:
        """Write the booster in UBJSON.

        Raises:
            Unwritable: XGBoost does not, as with a booster that has seen no data.
        """
        xgboost = _xgboost()
        try:
            data = bytes(obj.save_raw("ubj"))
        except xgboost.core.XGBoostError as error:
            raise Unwritable(f"XGBoost does not save this booster: {error}") from error
        out.add(MODEL, data)
        return Description(
            kind="booster",
            capabilities=("predict",),
            environment={"xgboost": xgboost.__version__},
        )

    def audit(self, payload: Payload) -> tuple[Need, ...]:
        """Make sure that it is a model and nothing else; it names no classes."""
        require_only(payload, MODEL)
        if bytes(payload.read(MODEL)[:1]) != b"{":
            raise Damaged(f"{MODEL} is no UBJSON", member=MODEL)
        return ()

    def requires(self, payload: Payload) -> tuple[str, ...]:
        """Name what restores it."""
        return ("xgboost>=2.1",)

    def unpack(self, payload: Payload, context: Context) -> Any:
        """Let XGBoost read its model.

        Raises:
            NotRestorable: XGBoost does not.
        """
        xgboost = _xgboost()
        try:
            booster = xgboost.Booster()
            booster.load_model(bytearray(payload.read(MODEL)))
        except xgboost.core.XGBoostError as error:
            raise NotRestorable(f"XGBoost could not read its model: {error}") from error
        return booster


def require_only(payload: Payload, *members: str) -> None:
    """Make sure that a payload has these members and no others.

    Raises:
        Damaged: it has not.
    """
    for member in members:
        payload.read(member)
    for path in payload.paths:
        if path not in members:
            adapter = payload.part.adapter
            raise Damaged(f"{path} is no member of the adapter {adapter!r}", member=path)


def _xgboost() -> Any:
    try:
        return importlib.import_module("xgboost")
    except ImportError as error:
        raise FrameworkMissing(
            f"the adapter 'xgboost' needs XGBoost: {error}; pip install 'bundlekit[xgboost]'",
            framework="xgboost",
        ) from error
