"""A warning points at the line that called the library, however deep inside it arose."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bundlekit.errors import BundleWarning
from bundlekit.warning import warn

if TYPE_CHECKING:
    from collections.abc import Iterator

ADAPTER: dict[str, Any] = {"__name__": "bundlekit_acme", "warn": warn}
exec("def call(text):\n    deeper(text)\ndef deeper(text):\n    warn(text)\n", ADAPTER)


@contextmanager
def within(call: Any) -> Iterator[None]:
    yield
    call("there")


def test_it_skips_the_library_its_adapters_and_context_managers() -> None:
    call = ADAPTER["call"]
    with pytest.warns(BundleWarning, match="here") as caught:  # noqa: PT031
        call("here")
        with within(call):
            pass
    lines = Path(__file__).read_text().splitlines()
    assert [lines[warning.lineno - 1].strip() for warning in caught] == [
        'call("here")',
        'call("there")',
    ]
    assert {warning.filename for warning in caught} == {__file__}
