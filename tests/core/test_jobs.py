from __future__ import annotations

import threading

import pytest

from bundlekit import jobs
from bundlekit.jobs import WORTH_A_THREAD, Jobs


@pytest.mark.parametrize("size", [0, WORTH_A_THREAD])
def test_each_item_is_done_once_and_results_are_in_order(size: int) -> None:
    done: list[int] = []

    def work(item: int) -> int:
        done.append(item)
        return -item

    with Jobs(work, range(200)) as running:
        running.start(size)
        assert running.results() == [-item for item in range(200)]
    assert sorted(done) == list(range(200))


def test_work_that_is_worth_it_is_done_by_threads_that_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "cores", lambda: 3)
    barrier = threading.Barrier(3, timeout=30)
    before = threading.active_count()
    with Jobs(lambda _: barrier.wait(), range(3)) as running:
        running.start(WORTH_A_THREAD)
        assert sorted(running.results()) == [0, 1, 2]
    assert threading.active_count() == before


def test_the_first_error_in_order_is_raised() -> None:
    def work(item: int) -> None:
        if item in (3, 5):
            raise ValueError(f"item {item}")

    with Jobs(work, range(9)) as running:
        running.start(WORTH_A_THREAD)
        with pytest.raises(ValueError, match="item 3"):
            running.results()


def test_who_waits_does_what_nobody_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", _refused)
    with Jobs(abs, [-1, -2]) as running:
        running.start(WORTH_A_THREAD)
        assert running.result(1) == 2
        running.require_no_error()
        assert running.results() == [1, 2]


def _refused(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_what_is_stopped_begins_no_more() -> None:
    done: list[int] = []
    running = Jobs(done.append, range(9))
    running.stop()
    running.start(WORTH_A_THREAD)
    running.stop()
    assert done == []


def test_nothing_is_begun_after_an_error() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 1:
            raise ValueError(item)

    with Jobs(work, range(100)) as found, pytest.raises(ValueError, match="1"):
        found.results()
    assert begun == [0, 1]
