"""Files that are there whole or not at all.

A writer fills a temporary file beside its target, syncs it, and renames it. Whatever stops
it, a full disk or a kill, the target is what it was before. The temporary file is locked
while its writer lives, so a later writer of the same target can tell what a killed one left
behind from what a live one is writing, and removes only the first.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bundlekit.errors import BundleError, TargetExists, TargetUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIX = ".bundlekit-tmp"

if sys.platform == "win32":

    def _lock(file: IO[bytes], *, wait: bool) -> None:
        """Do nothing: a file that a live writer has open cannot be removed there."""

else:
    import fcntl

    def _lock(file: IO[bytes], *, wait: bool) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


@contextmanager
def replacing(target: str | os.PathLike[str], *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes the target's place when the block ends well.

    Symbolic links are followed, so that the file they point to is replaced.

    Args:
        target: where the file will be.
        overwrite: whether a file that is there may be replaced.

    Raises:
        TargetExists: a file is there and `overwrite` is false, at the start or at the end.
        TargetUnusable: the target is a folder, or its folder is missing or not writable, or
            the disk is full.
    """
    with prepared(target, overwrite=overwrite) as file, writing_to(target):
        yield file


@contextmanager
def prepared(target: str | os.PathLike[str], *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Open a file as `replacing` does, for a block that does not only write.

    Errors of the block are raised as they are; what writes in it says so by `writing_to`.
    """
    path, mode = _examined(target, overwrite)
    with writing_to(target):
        _remove_leftovers(path)
        temporary, file = _create(path)
    done = False
    try:
        yield file
        with writing_to(target):
            file.flush()
            if mode is not None:
                temporary.chmod(mode)
            os.fsync(file.fileno())
            if sys.platform == "win32":
                file.close()  # which renames no open file
            _publish(temporary, path, overwrite)
        done = True
    finally:
        with suppress(OSError):  # what could not be written cannot be flushed either
            file.close()
        if not done:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


@contextmanager
def writing_to(target: str | os.PathLike[str]) -> Iterator[None]:
    """Say of what the system refuses that it is the target which cannot be written.

    Raises:
        TargetExists, TargetUnusable: as `replacing`.
    """
    try:
        yield
    except BundleError:
        raise
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError as error:
        raise _unusable(target, _reason(error)) from error


def require_writable(target: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Refuse a target that cannot be written, before any work is done for it.

    Raises:
        TargetExists, TargetUnusable: as `replacing`.
    """
    _examined(target, overwrite)


def _examined(target: str | os.PathLike[str], overwrite: bool) -> tuple[Path, int | None]:
    """Give the real path of the target, and the permissions of the file that is there."""
    try:
        if os.fspath(target).endswith(os.sep):
            raise ValueError("it ends like a folder; name a file in it")
        path = Path(os.path.realpath(target))
        found = path.stat().st_mode if path.exists() else None
        has_folder = path.parent.is_dir()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unusable(target, _reason(error)) from error
    if found is not None and not stat.S_ISREG(found):
        kind = "a folder; name a file in it" if stat.S_ISDIR(found) else "no regular file"
        raise _unusable(target, f"it is {kind}")
    if found is not None and not overwrite:
        raise _exists(target)
    if not has_folder:
        raise _unusable(target, f"there is no folder {path.parent}; make it first")
    return path, None if found is None else stat.S_IMODE(found)


def _create(path: Path) -> tuple[Path, IO[bytes]]:
    while True:
        temporary = path.with_name(f"{_stem(path)}{secrets.token_hex(8)}{_SUFFIX}")
        # The caller's umask decides on permissions, as for any file that it opens.
        file = temporary.open("x+b")
        with suppress(OSError):  # a file system without locks
            _lock(file, wait=True)
        if temporary.exists():  # else another writer took it for a leftover before the lock
            return temporary, file
        file.close()


def _stem(path: Path) -> str:
    # The target's name may be as long as a name can be, and have any letters.
    return f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}."


def _publish(temporary: Path, path: Path, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)  # fails where a file has come up meanwhile; a rename would not
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(path) from None
        temporary.replace(path)
    else:
        temporary.unlink()


def _remove_leftovers(path: Path) -> None:
    for leftover in path.parent.glob(f"{_stem(path)}*{_SUFFIX}"):
        with suppress(OSError), leftover.open("r+b") as file:
            _lock(file, wait=False)
            leftover.unlink()


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some systems cannot open folders; the file itself is synced
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _exists(target: str | os.PathLike[str]) -> TargetExists:
    return TargetExists(
        f"{os.fspath(target)} exists; give another name, or overwrite=True to replace it",
        target=os.fspath(target),
    )


def _unusable(target: str | os.PathLike[str], fault: str) -> TargetUnusable:
    return TargetUnusable(
        f"cannot write to {os.fspath(target)!r}: {fault}; what was there before is unchanged",
        target=os.fspath(target),
    )


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
