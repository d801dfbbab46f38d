from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bundlekit.atomic import prepared, replacing, writing_to
from bundlekit.errors import BundleError, TargetExists, TargetUnusable

WRITER = """
import sys, time
from bundlekit.atomic import prepared, replacing, writing_to

with replacing(sys.argv[1], overwrite=True) as file:
    file.write(b"half of it")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


def writer(target: Path) -> subprocess.Popen[str]:
    """Start a process that writes half of a file and waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(target)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.stdout.close()
    return process


def put(target: Path, data: bytes, *, overwrite: bool = False) -> None:
    with replacing(target, overwrite=overwrite) as file:
        file.write(data)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_and_nothing_else(tmp_path: Path) -> None:
    put(tmp_path / "it", b"new")
    assert (tmp_path / "it").read_bytes() == b"new"
    assert names(tmp_path) == ["it"]


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    put(tmp_path / "it", b"new")
    assert (tmp_path / "it").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_an_existing_file_is_kept_or_replaced(tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b"old")
    with pytest.raises(TargetExists, match="it exists; give another name, or overwrite=True"):
        put(tmp_path / "it", b"new")
    assert (tmp_path / "it").read_bytes() == b"old"
    put(tmp_path / "it", b"new", overwrite=True)
    assert (tmp_path / "it").read_bytes() == b"new"
    assert names(tmp_path) == ["it"]


def test_a_file_that_comes_up_meanwhile_is_kept(tmp_path: Path) -> None:
    with (
        pytest.raises(FileExistsError, match="it exists"),
        replacing(tmp_path / "it", overwrite=False) as file,
    ):
        file.write(b"mine")
        (tmp_path / "it").write_bytes(b"theirs")
    assert (tmp_path / "it").read_bytes() == b"theirs"
    assert names(tmp_path) == ["it"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b"old")
    with (
        pytest.raises(ZeroDivisionError, match="division"),
        replacing(tmp_path / "it", overwrite=True) as file,
    ):
        file.write(b"half")
        1 / 0
    assert (tmp_path / "it").read_bytes() == b"old"
    assert names(tmp_path) == ["it"]


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    import resource

    with pytest.raises(TargetUnusable, match="cannot write to .*it': File too large"):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            put(tmp_path / "it", b"x" * 5000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, previous)
    assert names(tmp_path) == []


def test_a_folder_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(TargetUnusable, match="it is a folder; name a file in it"):
        put(tmp_path, b"new", overwrite=True)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetUnusable, match="there is no folder .*none; make it first"):
        put(tmp_path / "none" / "it", b"new")


def test_permissions_of_a_replaced_file_are_kept(tmp_path: Path) -> None:
    (tmp_path / "it").touch(mode=0o600)
    put(tmp_path / "it", b"new", overwrite=True)
    assert (tmp_path / "it").stat().st_mode & 0o777 == 0o600


def test_only_a_regular_file_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(TargetUnusable, match="no regular file"):
            put(target, b"new", overwrite=True)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("name", ["new/", "a\0b"])
def test_a_name_that_no_file_has_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TargetUnusable, match="like a folder|null"):
        put(f"{tmp_path}/{name}", b"new")  # type: ignore[arg-type]


def test_without_hard_links_a_file_is_still_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    put(tmp_path / "it", b"new")
    assert (tmp_path / "it").read_bytes() == b"new"
    with (
        pytest.raises(TargetExists, match="exists"),
        replacing(tmp_path / "other", overwrite=False) as file,
    ):
        file.write(b"mine")
        (tmp_path / "other").write_bytes(b"theirs")
    assert (tmp_path / "other").read_bytes() == b"theirs"
    assert names(tmp_path) == ["it", "other"]


def test_without_locks_a_file_is_still_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr("bundlekit.atomic._lock", refuse)
    put(tmp_path / "it", b"new")
    assert names(tmp_path) == ["it"]


@pytest.mark.parametrize("name", ["x" * 255, "[odd]*?.bundle", "ü", ".hidden", "漢" * 80])
def test_any_name_that_the_system_takes_is_written(tmp_path: Path, name: str) -> None:
    put(tmp_path / name, b"new")
    put(tmp_path / name, b"newer", overwrite=True)
    assert names(tmp_path) == [name]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    put(tmp_path / "link", b"new", overwrite=True)
    assert (tmp_path / "there").read_bytes() == b"new"
    assert (tmp_path / "link").is_symlink()


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "it"
    target.write_bytes(b"old")
    process = writer(target)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert target.read_bytes() == b"old"
    assert len(names(tmp_path)) == 2
    put(target, b"new", overwrite=True)
    assert names(tmp_path) == ["it"]


def test_the_file_of_a_live_writer_is_left_alone(tmp_path: Path) -> None:
    process = writer(tmp_path / "it")
    try:
        put(tmp_path / "it", b"new")
        assert len(names(tmp_path)) == 2
    finally:
        process.kill()
        process.wait()


def test_leftovers_of_other_targets_are_left_alone(tmp_path: Path) -> None:
    process = writer(tmp_path / "it.other")
    process.kill()
    process.wait()
    put(tmp_path / "it", b"new")
    assert len(names(tmp_path)) == 2


def test_two_writers_leave_one_complete_file(tmp_path: Path) -> None:
    with replacing(tmp_path / "it", overwrite=True) as first:
        first.write(b"first")
        put(tmp_path / "it", b"second", overwrite=True)
    assert (tmp_path / "it").read_bytes() == b"first"
    assert names(tmp_path) == ["it"]


def test_a_folder_that_cannot_be_written_is_a_clear_error() -> None:
    target = Path("/proc/bundlekit-cannot-be-here")
    with pytest.raises(TargetUnusable, match="what was there before is unchanged"):
        put(target, b"new")
    assert not os.path.lexists(target)


def test_refusals_are_bundle_errors() -> None:
    assert issubclass(TargetExists, BundleError)
    assert issubclass(TargetExists, FileExistsError)
    assert issubclass(TargetUnusable, OSError)


def test_an_error_of_the_block_is_its_own_and_leaves_no_file(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match="vocabulary"),
        prepared(tmp_path / "file", overwrite=False),
    ):
        raise FileNotFoundError(2, "no vocabulary")
    with (
        pytest.raises(TargetUnusable, match="Input/output error"),
        prepared(tmp_path / "file", overwrite=False),
        writing_to(tmp_path / "file"),
    ):
        raise OSError(5, "Input/output error")
    assert list(tmp_path.iterdir()) == []
