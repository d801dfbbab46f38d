"""A trial when bundling: the object is rebuilt from what will be stored, and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit import by_value, travel
from bundlekit.errors import BundleError, UnknownOption, Unwritable
from bundlekit.resolution import Found
from bundlekit.unpacking import adapters_of, restore

if TYPE_CHECKING:
    from bundlekit.packing import Packed


CHECKS = ("config", "rebuild")


def is_wanted(check: str) -> bool:
    """Tell whether a caller's `check=` asks for the trial; adapters check configs in any case.

    Raises:
        UnknownOption: there is no such check.
    """
    if check not in CHECKS:
        raise UnknownOption(
            f"check={check!r} is not known; it is one of {', '.join(CHECKS)}",
            option="check",
            found=check,
            known=CHECKS,
        )
    return check == "rebuild"


def require_rebuilt(obj: Any, packed: Packed) -> None:
    """Rebuild an object from its members with nothing but its own classes, and compare.

    Neither open scopes nor the framework's registry take part (so while it is rebuilt, other
    threads of the process do not see what is registered), and code that travels by value is
    loaded once. What is compared is what the adapter's observer sees: config, variables,
    optimizer.

    Raises:
        Unwritable: it cannot be rebuilt, or is another one; the message says where.
    """
    from bundlekit.testing.comparison import compare, report
    from bundlekit.testing.observers import observer_for

    payload = packed.payload
    what = f"{payload.part.type} {payload.part.name or ''}".strip()
    try:
        for inner in payload.walk():
            if travel.PICKLE in inner.code:
                by_value.loads(bytes(inner.code[travel.PICKLE]))
        rebuilt = restore(
            payload,
            adapters_of(payload.part, packed.environment),
            find=lambda asked: [
                Found({n: packed.objects[n] for n in p.needs if n in packed.objects}) for p in asked
            ],
            isolated=True,
        )
    except BundleError as error:
        raise Unwritable(
            f"{what} does not come back from what would be stored: {error}", type=payload.part.type
        ) from error
    observer = observer_for(payload.part.adapter)
    differences = compare(list(observer.state(obj)), list(observer.state(rebuilt)))
    if differences:
        raise Unwritable(
            f"{what} comes back different from what would be stored:\n{report(differences)}",
            type=payload.part.type,
            differences=differences,
        )
