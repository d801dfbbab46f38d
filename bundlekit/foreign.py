"""A file or folder that something else wrote, as adapters see it: names, and bytes on request.

Nothing outside of it is opened. Links and what is neither file nor folder are refused, so that a
folder from somewhere else cannot hand over another file of this machine.
"""

from __future__ import annotations

import os
import stat
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bundlekit.errors import LimitExceeded, NotABundle, Refused, SourceMissing, SourceUnreadable

if TYPE_CHECKING:
    from bundlekit.source import Buffer

MAX_FILES = 100_000
"""Files of one folder. Threat: a folder that takes hours to list. A SavedModel has a dozen, a
model in a thousand shards a thousand."""


class Foreign:
    """A file, a folder, or the files that have a prefix, as TensorFlow's checkpoints do.

    Args:
        path: what the user named.

    Attributes:
        name: the path as the user gave it.
        is_folder: whether it is one.
        paths: relative POSIX paths of its files, sorted; of a file, its own name alone.

    Raises:
        SourceMissing: there is nothing at the path, and no file that begins with it.
        Refused: it holds a link, or what is neither file nor folder.
        LimitExceeded: it holds more files than are listed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fsdecode(path)
        if "://" in self.name:
            raise NotABundle(
                f"{self.name} is a URL; download it first and give the file", source=self.name
            )
        self._path = Path(self.name)
        try:
            kind = self._path.stat().st_mode  # what the user names may be a link; what is in it not
        except FileNotFoundError:
            kind = 0
        except (OSError, ValueError) as error:
            raise _unreadable(self.name, error) from error
        self.is_folder = stat.S_ISDIR(kind)
        self._is_file = stat.S_ISREG(kind)
        if kind and not (self.is_folder or self._is_file):
            raise Refused(f"{self.name!r} is neither a file nor a folder", source=self.name)
        self._root = self._path if self.is_folder else self._path.parent
        if not self.paths:
            what = "an empty folder" if self.is_folder else "no file, nor the prefix of any"
            raise SourceMissing(f"{self.name!r} is {what}", source=self.name)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Relative POSIX paths of the files, sorted."""
        if self._is_file:
            return (self._path.name,)
        found: list[str] = []
        for path in self._below(self._root, "" if self.is_folder else self._path.name):
            found.append(path)
            if len(found) > MAX_FILES:
                raise LimitExceeded(f"{self.name!r} holds more than {MAX_FILES:,} files")
        return tuple(sorted(found))

    def beside(self, name: str) -> Foreign:
        """Give a file by its name in the folder that this file is in.

        Raises:
            Refused: the name leads elsewhere.
            SourceMissing: there is no such file.
        """
        if name in ("", ".", "..") or any(mark in name for mark in "/\\:\0"):
            raise Refused(
                f"{self.name!r} refers to {name!r}; expected the name of a file beside it",
                source=self.name,
            )
        path = self._path.parent / name
        if path.is_symlink():
            raise Refused(f"{str(path)!r} is a link; give the file itself", source=self.name)
        return Foreign(path)

    def head(self, size: int, path: str | None = None) -> bytes:
        """Give the first bytes of a file, or fewer where it has no more."""
        return bytes(self._read(path, size))

    def tail(self, size: int) -> bytes:
        """Give the last bytes of the file that it is, or all where it has no more."""
        try:
            with self._path.open("rb") as file:
                file.seek(-min(size, self._path.stat().st_size), os.SEEK_END)
                return file.read(size)
        except OSError as error:
            raise _unreadable(self.name, error) from error

    def read(self, path: str | None = None) -> Buffer:
        """Give the bytes of a file of it; without a path, of the file that it is.

        Raises:
            SourceMissing, SourceUnreadable: it is not there any more, or cannot be read.
        """
        return self._read(path, -1)

    def _read(self, path: str | None, size: int) -> bytes:
        wanted = self.paths[0] if path is None else path
        if wanted not in self.paths:
            raise SourceMissing(f"{self.name!r} has no {wanted!r}", source=self.name)
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
        if not self._is_file:
            flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            with os.fdopen(os.open(self._root / wanted, flags), "rb") as file:
                return file.read() if size < 0 else file.read(size)
        except FileNotFoundError as error:
            raise SourceMissing(f"{self.name!r} has no {wanted!r}", source=self.name) from error
        except OSError as error:
            raise _unreadable(f"{self.name}/{wanted}", error) from error
        except MemoryError as error:
            raise LimitExceeded(f"{self.name!r} does not fit into memory") from error

    def _below(self, folder: Path, prefix: str) -> list[str]:
        pending = [folder]
        found: list[str] = []
        while pending:
            current = pending.pop()
            try:
                with os.scandir(current) as entries:
                    listed = list(entries)
            except (FileNotFoundError, NotADirectoryError):
                return []
            except OSError as error:
                raise _unreadable(str(current), error) from error
            for entry in listed:
                if prefix and not entry.name.startswith((f"{prefix}.index", f"{prefix}.data-")):
                    continue
                if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
                    raise Refused(
                        f"{entry.path!r} is a link or no regular file; what is adopted may hold "
                        f"only files and folders",
                        source=self.name,
                    )
                if entry.is_dir():
                    pending.append(Path(entry.path))
                else:
                    found.append(Path(entry.path).relative_to(folder).as_posix())
                if len(found) + len(pending) > MAX_FILES:
                    raise LimitExceeded(f"{self.name!r} holds more than {MAX_FILES:,} files")
        return found


def _unreadable(name: str, error: Exception) -> SourceUnreadable:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return SourceUnreadable(f"cannot read {name!r}: {reason}", source=name)
