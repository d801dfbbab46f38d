"""The quick benchmark fails, after three tries, where a ratio is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import __main__ as command
from benchmarks import cases
from benchmarks.bar import DENSE
from benchmarks.results import Comparison, Large, Times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.cases import Case


class Measured:
    """Figures that nobody has to wait for: how many times as fast as stock Keras each case is."""

    def __init__(self, **speeds: list[float]) -> None:
        self.speeds = speeds
        self.tries: list[str] = []
        self.floor = 1.0

    def compared(self, case: Case, ways: Sequence[str], plan: command.Plan) -> Comparison:
        self.tries.append(case.name)
        given = self.speeds.get(case.name, [10.0])
        speed = given[min(self.tries.count(case.name), len(given)) - 1]
        found = {
            "bundlekit": Times((1.0,), (1.0,)),
            "keras": Times((speed,), (10.0,)),
            "floor": Times((self.floor,), (1.0,)),
        }
        return Comparison(case.name, case.title, 0, {way: found[way] for way in ways})

    def largest(self, plan: command.Plan, ways: Sequence[str], *, inside: bool) -> Large:
        peaks = {"dump": 0, "bundle": 2**30, "load": 2**30}
        return Large("1 GiB", 2**30, 2**30, {work: {"bundlekit": n} for work, n in peaks.items()})


def measured(monkeypatch: pytest.MonkeyPatch, **speeds: list[float]) -> Measured:
    found = Measured(**speeds)
    monkeypatch.setattr(command, "_compared", found.compared)
    monkeypatch.setattr(command, "_largest", found.largest)
    return found


def test_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(monkeypatch)
    command.main(["--quick"])
    assert found.tries == [cases.MLP.name, cases.MOBILENET.name, DENSE]


def test_what_is_lost_three_times_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(monkeypatch, mobilenet=[2.0])  # 0.7 of 3 are 2.1
    with pytest.raises(SystemExit, match=r"mobilenet, .* at least 3; found 2\.00"):
        command.main(["--quick"])
    assert found.tries.count("mobilenet") == 3


def test_one_good_try_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(monkeypatch, mobilenet=[2.0, 2.2])
    command.main(["--quick"])
    assert found.tries.count("mobilenet") == 2


@pytest.mark.parametrize(("floor", "lost"), [(1.0, False), (0.5, True)])
def test_1_gib_is_compared_with_what_the_floor_reaches(
    floor: float, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is saved twice as fast as by stock Keras, and the floor is as fast, or twice as fast."""
    found = measured(monkeypatch, dense=[2.0])
    found.floor = floor
    said = "dense, `save_model` / `dump`: at least 4; found 2.00"
    assert command.quick() == ([said] if lost else [])
