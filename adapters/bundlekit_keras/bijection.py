"""The bijection: a rebuilt model has the variables of its record, each of one shape and dtype."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from bundlekit.errors import NotRestorable
from bundlekit.load_report import LoadReport, Weight
from bundlekit_keras.framework import require_keras
from bundlekit_keras.keras_file import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bundlekit.adapter import Payload, Tensor
    from bundlekit_keras.account import Account, Entry
    from bundlekit_keras.record import Record, Variable

_SHOWN = 8


def require_same(account: Account, found: Record, payload: Payload) -> None:
    """Make sure that a rebuilt model has the variables of the record, and no others.

    Raises:
        NotRestorable: with a `LoadReport` of what is missing, unexpected and mismatched.
    """
    tensors = {tensor.path: tensor for tensor in payload.part.tensors}
    there = {one.path: one for one in found.variables}
    resumes = bool(found.trained) and any(one.kind == "optimizer" for one in found.variables)
    # Not where its kind is left out, or not begun.
    left_out = ("metric",) if resumes else ("metric", "optimizer")
    here = {
        path: one
        for path, one in account.entries.items()
        if path in there or one.kind not in left_out
    }
    elsewhere = payload.json(METADATA).get("backend") != require_keras().backend.backend()
    report = LoadReport(
        missing=tuple(_weight(None, None, one) for path, one in here.items() if path not in there),
        unexpected=tuple(
            _weight(one, tensors.get(path), None) for path, one in there.items() if path not in here
        ),
        mismatched=tuple(
            _weight(one, tensors[path], here[path])
            for path, one in there.items()
            if path in here
            and path in tensors
            and not _fits(tensors[path], here[path], elsewhere=elsewhere)
        ),
    )
    untied = [path for path, one in there.items() if path in here and here[path].also != one.also]
    if not report.complete or untied:
        raise NotRestorable(
            f"the variables of {payload.part.type} {payload.part.name!r} are not those that were "
            f"bundled: {'; '.join(_faults(report, untied, here, there))}; mend get_config, "
            f"from_config and build of the class that holds them",
            report=report,
            untied=tuple(untied),
        )


def _fits(tensor: Tensor, entry: Entry, *, elsewhere: bool) -> bool:
    if tensor.shape != entry.shape:
        return False
    if tensor.dtype == entry.dtype:
        return True
    # Backends count, and keep random states, in integers of their own.
    return elsewhere and all("int" in dtype for dtype in (tensor.dtype, entry.dtype))


def _faults(
    report: LoadReport,
    untied: list[str],
    here: Mapping[str, Entry],
    there: Mapping[str, Variable],
) -> Iterator[str]:
    stored = {f"{one.stored_path}" for one in report.unexpected}
    lacking = [path for path in here if path not in there]
    for path in lacking[:_SHOWN]:
        shared = next((one.path for one in there.values() if path in one.also), None)
        if shared:
            yield f"{path} was the same variable as {shared}, and is one of its own"
        else:
            yield f"nothing is stored for {path} ({here[path].name}){_nearest(path, stored)}"
    for path in sorted(stored)[:_SHOWN]:
        yield f"it has no variable {path} ({there[path].name}){_nearest(path, lacking)}"
    for one in report.mismatched[:_SHOWN]:
        yield (
            f"{one.stored_path} is stored as {one.stored_dtype}{list(one.stored_shape or ())}, and "
            f"{one.variable_path} is {one.variable_dtype}{list(one.variable_shape or ())}"
        )
    for path in untied[:_SHOWN]:
        was, now = list(there[path].also), list(here[path].also)
        yield f"{path} was shared with {was}, and is with {now}"
    left = max(len(lacking), len(stored), len(report.mismatched), len(untied)) - _SHOWN
    if left > 0:
        yield f"and {left} more"


def _nearest(path: str, others: Iterable[str]) -> str:
    found = get_close_matches(path, list(others), n=3)
    return f", nearest {', '.join(found)}" if found else ""


def _weight(one: Variable | None, tensor: Tensor | None, entry: Entry | None) -> Weight:
    return Weight(
        stored_path=one.path if one else None,
        stored_shape=tensor.shape if tensor else None,
        stored_dtype=tensor.dtype if tensor else None,
        variable_path=entry.name if entry else None,
        variable_shape=entry.shape if entry else None,
        variable_dtype=entry.dtype if entry else None,
    )
