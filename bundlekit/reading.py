"""What a caller of `unbundle` may ask of how tensors are read: `verify=` and `alias=`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit.errors import UnknownOption, UnsupportedSource
from bundlekit.source import FileSource
from bundlekit.tensor_reader import TensorReader

if TYPE_CHECKING:
    from bundlekit.artifact import Artifact

VERIFY = ("full", "lazy")


def require_reading(verify: object, alias: object) -> None:
    """Refuse what is not known, before anything is read.

    Raises:
        UnknownOption: naming what is.
    """
    if verify not in VERIFY:
        why = (
            "a yes or no does not say what is left unchecked; " if isinstance(verify, bool) else ""
        )
        raise UnknownOption(
            f"verify={verify!r} is not known; {why}give 'full', or 'lazy' to use the bytes of "
            f"tensors without looking at their digests, for a file that you alone can write",
            option="verify",
            found=verify,
            known=VERIFY,
        )
    if not isinstance(alias, bool):
        raise UnknownOption(
            f"alias={alias!r} is not known; expected True or False", option="alias", found=alias
        )


def reader_of(artifact: Artifact, verify: str, *, alias: bool) -> TensorReader:
    """Make the reader that the caller has asked for.

    Raises:
        UnsupportedSource: nothing of which there could be views.
        SourceUnreadable: the system cannot map the file.
    """
    source = artifact.source
    if alias and not isinstance(source, FileSource):
        raise UnsupportedSource(
            f"alias=True gives views of a file, and {source.name} is in memory; give a path, or "
            f"leave alias= out"
        )
    aliased = source if alias and isinstance(source, FileSource) else None
    return TensorReader(artifact, checked=verify == "full", aliased=aliased)
