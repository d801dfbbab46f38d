"""Threads take turns sooner while somebody needs it, and as before afterwards."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from bundlekit import switching
from bundlekit.jobs import WORTH_A_THREAD, Jobs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def interval() -> Iterator[float]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.25)
    yield 0.25
    sys.setswitchinterval(before)


def now() -> float:
    return sys.getswitchinterval()


def test_the_last_to_end_puts_it_back(interval: float) -> None:
    first, second = switching.sooner(), switching.sooner()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert now() == switching.INTERVAL
    second.__exit__(None, None, None)
    assert now() == interval


def test_an_error_puts_it_back(interval: float) -> None:
    with pytest.raises(ValueError, match="of the work"), switching.sooner():
        raise ValueError("of the work")
    assert now() == interval


@pytest.mark.parametrize("set_to", [0.1, 0.0001])
def test_what_somebody_sets_meanwhile_stays(set_to: float) -> None:
    with switching.sooner():
        sys.setswitchinterval(set_to)
    assert now() == pytest.approx(set_to, rel=0.02)  # it is kept in whole microseconds


def test_who_switches_sooner_already_goes_on() -> None:
    sys.setswitchinterval(0.0001)
    before = now()
    with switching.sooner():
        assert now() == before
    assert now() == before


@pytest.mark.parametrize(("size", "soon"), [(WORTH_A_THREAD, True), (1, False)])
def test_jobs_with_threads_need_it(
    size: int, soon: bool, interval: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bundlekit.jobs.cores", lambda: 2)
    with Jobs(lambda _: now(), range(3)) as jobs:
        jobs.start(size)
        assert (now() == switching.INTERVAL) is soon
        jobs.start(size)
        assert set(jobs.results()) == {switching.INTERVAL if soon else interval}
    assert now() == interval
