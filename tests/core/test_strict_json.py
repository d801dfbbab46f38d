from __future__ import annotations

import json
import math
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundlekit import strict_json
from bundlekit.errors import Damaged, LimitExceeded, Unwritable

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def decode(data: bytes, *, max_depth: int = 50, finite: bool = True) -> object:
    return strict_json.decode(data, what="it", max_size=100_000, max_depth=max_depth, finite=finite)


@given(JSON)
def test_what_is_encoded_decodes_to_itself(value: object) -> None:
    assert decode(strict_json.encode(value, what="it")) == value


@given(JSON)
def test_there_is_one_spelling_and_the_documentation_tells_it(value: object) -> None:
    encoded = strict_json.encode(value, what="it")
    spelling = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    assert encoded == spelling.encode()
    assert strict_json.encode(decode(encoded), what="it") == encoded


@given(st.dictionaries(TEXT, st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    turned = dict(reversed(list(value.items())))
    assert strict_json.encode(value, what="it") == strict_json.encode(turned, what="it")


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        {1: 2},
        {"a": [{None: 1}]},
        object(),
        b"bytes",
        {"a": {1, 2}},
        "\ud800",
    ],
)
def test_what_is_not_json_is_refused_when_writing(value: object) -> None:
    with pytest.raises(Unwritable, match="it is not JSON: .*; use strings, finite numbers"):
        strict_json.encode(value, what="it")


def test_a_cycle_is_refused_when_writing() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(Unwritable, match="it is not JSON"):
        strict_json.encode(cycle, what="it")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"a":1,"a":2}', "the key 'a' stands twice"),
        (b'[{"b":{"a":1,"a":1}}]', "the key 'a' stands twice"),
        (b"[NaN]", "found NaN"),
        (b"[-Infinity]", "found -Infinity"),
        (b"[1e999]", "1e999 is too large"),
        (b'["\\ud800"]', "surrogates not allowed"),
        (b"\xff\xfe", "can't decode"),
        (b"", "Expecting value"),
        (b"[1,]", "Expecting value|Illegal trailing comma"),
        (b"[1] [2]", "Extra data"),
        (b'["', "Unterminated string"),
        (b"[" + b"1" * 5000 + b"]", "Exceeds the limit"),
        (b"\xef\xbb\xbf[]", "BOM"),
    ],
)
def test_what_is_not_strict_json_is_refused_when_reading(data: bytes, found: str) -> None:
    with pytest.raises(Damaged, match=f"it is not strict JSON: .*({found})"):
        decode(data)


def test_nan_is_let_through_for_those_who_ask() -> None:
    assert decode(b"[NaN,1e999]", finite=False) != [0, 0]


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_depth_is_bounded_before_parsing(opening: bytes) -> None:
    with pytest.raises(LimitExceeded, match="nested deeper than 50 levels") as refusal:
        decode(opening * 10_000)
    assert refusal.value.limit == 50  # type: ignore[attr-defined]


@given(st.text('[]{}",ab', max_size=30), st.integers(0, 20))
def test_depth_is_the_same_whichever_way_strings_are_left_out(text: str, limit: int) -> None:
    refused = []
    for quotes in (strict_json._QUOTES, -1):
        with patch.object(strict_json, "_QUOTES", quotes):
            try:
                strict_json._bound_structure(text.encode(), "it", limit)
                refused.append("")
            except LimitExceeded as error:
                refused.append(str(error))
    assert refused[0] == refused[1]


@given(st.integers(1, 60))
def test_depth_is_counted_exactly(depth: int) -> None:
    data = b"[" * depth + b'"[[[{{{\\"["' + b"]" * depth
    if depth <= 50:
        assert decode(data)
    else:
        with pytest.raises(LimitExceeded, match="nested deeper"):
            decode(data)


def test_the_number_of_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "MAX_VALUES", 1000)
    assert decode(b"[" + b",".join([b'"a,b"'] * 999) + b"]")
    with pytest.raises(LimitExceeded, match="at most 1,000 are read"):
        decode(b"[" + b",".join([b"{}"] * 999) + b"]")


def test_size_is_bounded() -> None:
    with pytest.raises(LimitExceeded, match=r"it has 100,002 bytes; at most 100,000 are read"):
        decode(b'"' + b"a" * 100_000 + b'"')


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_typed_error(data: bytes) -> None:
    try:
        decode(data)
    except (Damaged, LimitExceeded):
        pass
