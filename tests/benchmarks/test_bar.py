"""A figure that does not reach the bar is found, in each direction."""

from __future__ import annotations

import pytest

from benchmarks import cases
from benchmarks.bar import BARS, DENSE, MEMORY, Bar, better, figures, missed, said
from benchmarks.results import Comparison, Large, Times

FAST = Bar("model", "speed", least=3)
SMALL = Bar("model", "memory", most=1.5)


@pytest.mark.parametrize(
    ("speed", "memory", "short"),
    [
        (3.0, 1.5, []),
        (9.0, -0.1, []),
        (2.9, 1.5, [FAST]),
        (3.0, 1.6, [SMALL]),
        (2.9, 1.6, [FAST, SMALL]),
    ],
)
def test_what_is_short_of_its_bar_is_named(speed: float, memory: float, short: list[Bar]) -> None:
    found = {("model", "speed"): speed, ("model", "memory"): memory}
    assert missed([FAST, SMALL], found) == short


def test_slack_lets_both_kinds_be_off_by_so_much() -> None:
    barely = {("model", "speed"): 2.11, ("model", "memory"): 2.14}
    not_even = {("model", "speed"): 2.09, ("model", "memory"): 2.15}
    assert missed([FAST, SMALL], barely, slack=0.7) == []
    assert missed([FAST, SMALL], not_even, slack=0.7) == [FAST, SMALL]


def test_nobody_is_asked_for_more_than_the_floor_reaches() -> None:
    bar = Bar("model", "speed", least=5, limit="the floor")
    reached = {("model", "the floor"): 2.0, ("model", "speed"): 1.5}
    assert missed([bar], reached, slack=0.7) == [bar]
    assert missed([bar.within_reach(reached)], reached, slack=0.7) == []
    assert bar.within_reach({("model", "the floor"): 9.0}) == bar
    assert FAST.within_reach(reached) == FAST


def test_a_figure_that_is_not_there_does_not_reach_its_bar() -> None:
    assert missed([FAST], {}) == [FAST]
    assert missed([FAST], better([FAST], {}, {})) == [FAST]
    assert said(FAST, {}) == "model, speed: at least 3; found nan"


def test_the_better_of_two_is_taken() -> None:
    one = {("model", "speed"): 1.0, ("model", "memory"): 1.0}
    other = {("model", "speed"): 2.0, ("model", "memory"): 2.0}
    best = {("model", "speed"): 2.0, ("model", "memory"): 1.0}
    assert better([FAST, SMALL], one, other) == best
    assert better([FAST, SMALL], other, one) == best


def test_every_bar_is_about_something_that_is_measured() -> None:
    ways = {
        "bundlekit": Times(save=(2.0, 9.0, 1.0), load=(4.0,)),
        "keras": Times(save=(6.0,), load=(6.0,)),
        "floor": Times(save=(1.0,), load=(1.0,)),
    }
    models = [
        Comparison(name, name, 0, ways)
        for name in (
            cases.MLP.name,
            cases.MOBILENET.name,
            cases.EFFICIENTNET.name,
            cases.RESNET.name,
            DENSE,
        )
    ]
    peaks = {"dump": 2**21, "bundle": 2**30, "load": 2**31}
    large = Large("1 GiB", 2**30, 2**30, {work: {"bundlekit": n} for work, n in peaks.items()})
    found = figures(*models, large)
    assert {bar.key for bar in BARS} <= set(found)
    assert [found[key] for key in found if key[0] == DENSE] == [3.0, 1.5, 2.0, 4.0, 6.0]
    assert [found[key] for key in found if key[0] == MEMORY] == [2.0, 1.0, 2.0]


def test_a_way_that_is_absent_has_no_ratio() -> None:
    ways = {"bundlekit": Times(save=(1.0,), load=(1.0,)), "keras": Times(absent="not installed")}
    assert figures(Comparison("model", "model", 0, ways)) == {}
