from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections import UserDict
from typing import TYPE_CHECKING, Any

import pytest

import bundlekit
from bundlekit import progress
from bundlekit.digests import CHUNK_SIZE, PLAIN_SIZE
from bundlekit.errors import UnknownOption
from bundlekit.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = PLAIN_SIZE + CHUNK_SIZE


pytestmark = pytest.mark.usefixtures("arrays")


@pytest.fixture
def model() -> UserDict[str, bytes]:
    return UserDict({"a": bytes(SIZE)})


def every_verb(model: UserDict[str, bytes], path: Path) -> dict[str, Callable[..., object]]:
    data = bundlekit.dumps(model)
    (path.parent / "source").write_bytes(data)
    return {
        "dump": lambda **options: bundlekit.dump(model, path, **options),
        "dumps": lambda **options: bundlekit.dumps(model, **options),
        "bundle": lambda **options: bundlekit.bundle(model, **options),
        "unbundle": lambda **options: bundlekit.unbundle(data, **options),
        "load": lambda **options: bundlekit.load(path.parent / "source", **options),
        "loads": lambda **options: bundlekit.loads(data, **options),
        "verify": lambda **options: bundlekit.verify(data, **options),
    }


VERBS = ("dump", "dumps", "bundle", "unbundle", "load", "loads", "verify")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_tells_how_far_it_is(
    verb: str, model: UserDict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0)
    told: list[tuple[int, int]] = []
    at_once = threading.Lock()

    def report(done: int, total: int) -> None:
        assert at_once.acquire(blocking=False)
        told.append((done, total))
        at_once.release()

    every_verb(model, tmp_path / "it")[verb](progress=report)
    total = told[-1][1]
    assert total > SIZE
    assert told[-1] == (total, total)
    assert len(told) > 4
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {of for _, of in told} == {total}


@pytest.mark.parametrize("verb", VERBS)
def test_an_error_of_it_ends_the_work(
    verb: str, model: UserDict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0)
    calls: list[int] = []

    def report(done: int, total: int) -> None:
        calls.append(done)
        raise RuntimeError("the caller has had enough")

    call = every_verb(model, tmp_path / "it")[verb]
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="the caller has had enough"):
        call(progress=report)
    assert len(calls) == 1
    assert threading.active_count() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["source"]


def test_short_work_is_told_of_once(model: UserDict[str, bytes]) -> None:
    told: list[tuple[int, int]] = []
    counted = Progress(lambda done, total: told.append((done, total)), 10)
    for _ in range(5):
        counted.advance(1)
    counted.finish()
    assert told == [(10, 10)]


@pytest.mark.parametrize("verb", VERBS)
def test_what_cannot_be_called_is_refused(
    verb: str, model: UserDict[str, bytes], tmp_path: Path
) -> None:
    wrong: Any = True
    with pytest.raises(UnknownOption, match="progress=True is not known; expected a function"):
        every_verb(model, tmp_path / "it")[verb](progress=wrong)


@pytest.mark.parametrize(("terminal", "patience"), [(True, 0), (True, 60), (False, 0)])
def test_the_bar_is_shown_on_a_terminal_for_what_takes_long(terminal: bool, patience: int) -> None:
    code = (
        "from bundlekit.cli import bar\n"
        f"bar.PATIENCE = {patience}\n"
        "with bar.bar('verifying') as report:\n"
        "    [report(done, 100) for done in range(0, 101, 10)] if report else None\n"
    )
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=theirs if terminal else subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
        check=True,
    )
    os.close(theirs)
    shown = _all_of(ours)
    os.close(ours)
    assert done.stdout == b""
    assert (b"verifying" in shown) == (terminal and patience == 0)


def _all_of(descriptor: int) -> bytes:
    parts = []
    try:
        while part := os.read(descriptor, 4096):
            parts.append(part)
    except OSError:  # the other end is closed
        pass
    return b"".join(parts)
