"""A copy of parsed JSON that does not recurse: configs nest deeper than Python likes."""

from __future__ import annotations

from typing import Any


def copied(value: Any) -> Any:
    """Give a copy of nested objects and lists; tuples become lists, as JSON would have it."""
    holder: list[Any] = [value]
    pending: list[tuple[Any, Any]] = [(holder, 0)]
    while pending:
        into, key = pending.pop()
        found = into[key]
        if isinstance(found, dict):
            into[key] = dict(found)
            pending.extend((into[key], inner) for inner in found)
        elif isinstance(found, list | tuple):
            into[key] = list(found)
            pending.extend((into[key], index) for index in range(len(found)))
    return holder[0]
