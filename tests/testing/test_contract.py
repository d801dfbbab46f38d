"""The contract, kept by the adapter that the documentation shows."""

from __future__ import annotations

import importlib
import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from bundlekit import adapter
from bundlekit.testing import AdapterContract, Observation

OBSERVER = """
from bundlekit.testing import Observation

class FractionObserver:
    def state(self, obj):
        return [Observation("value", str(obj))]
    def behaviour(self, obj, inputs, targets):
        return [Observation("times", str(obj * inputs))]
    def surroundings(self):
        return []
"""


def documented() -> str:
    """Give the source of the class that the documentation of `bundlekit.adapter` shows."""
    shown = re.findall(r"^    (?:>>>|\.\.\.) ?(.*)$", adapter.__doc__ or "", re.MULTILINE)
    return "from bundlekit.adapter import Description\n\n" + "\n".join(shown) + OBSERVER


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    site = tmp_path_factory.mktemp("site")
    (site / "shown_adapter.py").write_text(documented())
    info = site / "shown-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: shown\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[bundlekit.adapters]\nfraction = shown_adapter:FractionAdapter\n"
        "[bundlekit.observers]\nfraction = shown_adapter:FractionObserver\n"
    )
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    yield
    sys.path.remove(str(site))
    sys.modules.pop("shown_adapter", None)


class TestTheAdapterOfTheDocumentation(AdapterContract):
    adapter = "fraction"
    cases = Path("none.py")
    # It is on the path of this process only, so there is no other to restore it in.
    test_what_comes_back_in_a_fresh_process_is_the_same = None  # type: ignore[assignment]

    def make(self) -> tuple[Any, Any]:
        return Fraction(3, 4), 5


def test_an_observer_that_sees_nothing_passes_no_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    import shown_adapter  # type: ignore[import-not-found]

    import bundlekit

    def nothing(*_: object) -> list[Observation]:
        return []

    monkeypatch.setattr(shown_adapter.FractionObserver, "state", nothing)
    monkeypatch.setattr(shown_adapter.FractionObserver, "behaviour", nothing)
    contract = TestTheAdapterOfTheDocumentation()
    data = bundlekit.dumps(Fraction(3, 4))
    with pytest.raises(AssertionError, match="the observer sees nothing"):
        contract.test_what_comes_back_in_this_process_is_the_same((Fraction(3, 4), 5), data)


def test_an_adapter_that_meddles_is_caught_at_its_first_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import shown_adapter

    seen: list[str] = []
    pack = shown_adapter.FractionAdapter.pack

    def meddling(self: Any, obj: Any, out: Any, options: Any) -> Any:
        seen.append("packed") if not seen else None
        return pack(self, obj, out, options)

    monkeypatch.setattr(shown_adapter.FractionAdapter, "pack", meddling)
    monkeypatch.setattr(
        shown_adapter.FractionObserver, "surroundings", lambda _: [Observation("seen", str(seen))]
    )
    contract = TestTheAdapterOfTheDocumentation()
    with pytest.raises(AssertionError, match="seen: '\\[\\]' before"):
        contract.test_bundling_leaves_the_object_and_the_process_as_they_were()
