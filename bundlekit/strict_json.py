"""JSON in one spelling: what a writer produces, and a reader that accepts nothing odd.

Two laws hold, and the tests state them:

* `decode(encode(value)) == value` for every JSON value;
* `encode` has one result per value: sorted keys, no white space, UTF-8, no NaN. It is what
  `json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False,
  allow_nan=False)` gives, so that a reader in any language can reproduce it.

`decode` refuses duplicate keys, NaN and infinities, text that is not UTF-8, and documents
that are larger or deeper than the caller allows. Depth is bounded before parsing: a parser
that recurses is what a deeply nested document attacks.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any, NoReturn

from bundlekit.errors import Damaged, LimitExceeded, Unwritable

MAX_VALUES = 4_000_000
"""Values in one document. Threat: `[{},{},…]`, which takes fifty times its size in memory. It is
400 MB at the worst; ten thousand layers of Keras have 500,000 values."""

# An unterminated string runs to the end, so that the pattern never fails and never backtracks.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_QUOTES = 1_000_000
"""What is split at once: some 100 MB at the worst."""
_PLAIN = frozenset({str, int, float, bool, type(None)})
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", bytes([2, 2, 0, 0]))  # one more than the change of depth


def encode(value: object, *, what: str) -> bytes:
    """Write `value` in the one canonical spelling.

    Args:
        value: anything made of dicts with string keys, lists, strings, numbers, booleans,
            None.
        what: what the value is, for the error message.

    Raises:
        Unwritable: the value is not JSON.

    Example:
        >>> encode({"b": 1, "a": [True, None]}, what="an example")
        b'{"a":[true,null],"b":1}'
    """
    try:
        text = json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        _require_string_keys(value)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unwritable(
            f"{what} is not JSON: {error}; use strings, finite numbers, booleans, None, lists "
            f"and dicts with string keys",
            what=what,
        ) from error


def decode(
    data: bytes | bytearray | memoryview,
    *,
    what: str,
    max_size: int,
    max_depth: int,
    finite: bool = True,
) -> Any:
    """Read one JSON document, strictly.

    Args:
        data: the document, UTF-8.
        what: what the document is, for the error messages.
        max_size: most bytes accepted.
        max_depth: most levels of nested arrays and objects accepted.
        finite: whether to refuse NaN and infinities, which frameworks write and JSON lacks.

    Raises:
        LimitExceeded: larger or deeper than allowed, or of more than `MAX_VALUES` values.
        Damaged: not strict JSON.
    """
    if len(data) > max_size:
        raise LimitExceeded(
            f"{what} has {len(data):,} bytes; at most {max_size:,} are read",
            what=what,
            limit=max_size,
        )
    data = bytes(data)
    _bound_structure(data, what, max_depth)

    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=_unique,
            parse_constant=_refuse if finite else None,
            parse_float=_finite if finite else None,
        )
        if b"\\u" in data:  # an escaped lone surrogate is text that no UTF-8 file can hold
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{what} is not strict JSON: {str(error)[:200]}", what=what) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"found {constant}, which is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is too large")
    return value


def _bound_structure(data: bytes, what: str, max_depth: int) -> None:
    # Strings out, then everything but brackets out, then one running sum of them: every step
    # runs in C. Unbalanced brackets are the parser's to refuse.
    if b"\\" in data or data.count(b'"') > _QUOTES:
        structure = _STRING.sub(b"", data)
    else:  # each quote begins or ends a string
        structure = b"".join(data.split(b'"')[::2])
    values = sum(map(structure.count, (b",", b"[", b"{")))
    if values > MAX_VALUES:
        raise LimitExceeded(
            f"{what} has {values:,} values; at most {MAX_VALUES:,} are read",
            what=what,
            limit=MAX_VALUES,
        )
    brackets = structure.translate(_STEPS, _NOT_BRACKETS)
    depth = max(accumulate(map((-1).__add__, brackets)), default=0)
    if depth > max_depth:
        raise LimitExceeded(
            f"{what} is nested deeper than {max_depth} levels", what=what, limit=max_depth
        )


def _require_string_keys(value: object) -> None:
    # `json.dumps` turns 1 into "1" and None into "null", so two keys could become one.
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            for key in current:
                if not isinstance(key, str):
                    raise TypeError(f"the key {key!r} is of type {type(key).__name__}")
            pending.extend([one for one in current.values() if type(one) not in _PLAIN])
        elif isinstance(current, list | tuple):
            pending.extend([one for one in current if type(one) not in _PLAIN])
