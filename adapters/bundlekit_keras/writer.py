"""Who wrote a file: the package and version of Keras, as the file says or shows it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from bundlekit.errors import Damaged, TooNew
from bundlekit_keras import allowlist

NEWEST_MAJOR = 3
"""The newest major version of Keras whose files are read."""
_TF_KERAS = (2, 16)
"""From this version on, Keras 2 is the package tf_keras."""
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.[\w.+-]{0,40})?")


class Writer(NamedTuple):
    """A release of Keras."""

    version: str
    major: int
    minor: int

    @property
    def package(self) -> str:
        """What it was installed as: `keras` or `tf_keras`."""
        return "tf_keras" if _TF_KERAS <= (self.major, self.minor) < (3, 0) else "keras"

    @property
    def is_keras_2(self) -> bool:
        """Whether it wrote what Keras 3 reads in part at best."""
        return self.major < NEWEST_MAJOR

    @property
    def is_installed(self) -> bool:
        """Whether the installed Keras is of the same minor, and reads what this one wrote."""
        return (self.major, self.minor) == allowlist.installed()

    def __str__(self) -> str:
        return f"{'Keras' if self.package == 'keras' else self.package} {self.version}"


def writer_of(version: object, what: str) -> Writer:
    """Read the version that a file claims.

    Raises:
        Damaged: it is no version.
        TooNew: it is of a newer major than any that is read.
    """
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if match is None:
        raise Damaged(
            f"{what} says that Keras {str(version)[:40]!r} wrote it, which is no version",
            found=version,
        )
    writer = Writer(match[0], int(match[1]), int(match[2]))
    if writer.major > NEWEST_MAJOR:
        raise TooNew(
            f"{what} was written by Keras {writer.version}; this bundlekit reads files of Keras up "
            f"to {NEWEST_MAJOR}; upgrade bundlekit and Keras",
            found=writer.version,
            supported=NEWEST_MAJOR,
        )
    return writer


def writer_in(config: dict[str, Any]) -> Writer:
    """Read who wrote an architecture from its config, which may say so, or show it.

    Keras 2 writes its version beside the config; Keras 3 writes the module of every class.
    """
    version = config.get("keras_version")
    if isinstance(version, str):
        return writer_of(version, "the architecture")
    return Writer("3.0.0", 3, 0)
