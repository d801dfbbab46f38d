"""Files of Keras' own v3 format, zipped or as a folder: the members that a bundle takes over.

A zip of Keras is no artifact of ours: members may be deflated, in any order, with dates. So it is
read with care, its members are taken as they are, and the artifact is laid out anew.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from bundlekit.errors import BundleError, Damaged, LimitExceeded, NotRestorable, Unwritable
from bundlekit.member_names import check_paths

if TYPE_CHECKING:
    from bundlekit.adapter import Foreign
    from bundlekit.source import Buffer

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
ASSETS = "assets/"
OTHER_WEIGHTS = "model.weights.npz"

MAX_MEMBERS = 100_000
"""Files in one zip. Threat: a directory that fills memory. A model has three and its assets."""
MAX_RATIO = 1100
"""How much smaller a member may be stored than it is. Threat: a zip bomb. Deflate reaches 1,030."""


def members_of(foreign: Foreign) -> dict[str, Buffer] | None:
    """Give the members of a `.keras` file or of an unzipped one; `None` where it is none.

    Raises:
        Damaged, LimitExceeded: it is one, and not sound.
        NotRestorable: its weights are in a form that is not read.
    """
    if foreign.is_folder:
        if not {CONFIG, METADATA} <= set(foreign.paths):
            return None
        members = {path: foreign.read(path) for path in foreign.paths if _belongs(path)}
    elif foreign.head(4) == b"PK\x03\x04":
        found = _unzipped(foreign)
        if found is None:
            return None
        members = found
    else:
        return None
    if OTHER_WEIGHTS in members and WEIGHTS not in members:
        raise NotRestorable(
            f"{foreign.name!r} holds its weights as {OTHER_WEIGHTS}, which is not read; load it "
            f"with the Keras that wrote it and save it again with the default weights_format",
            source=foreign.name,
        )
    if WEIGHTS not in members:
        raise NotRestorable(
            f"{foreign.name!r} holds no {WEIGHTS}: the weights are not in it; give its config.json "
            f"to adopt for the architecture alone",
            source=foreign.name,
        )
    members.pop(OTHER_WEIGHTS, None)
    return members


def _belongs(path: str) -> bool:
    return path in (CONFIG, METADATA, WEIGHTS, OTHER_WEIGHTS) or path.startswith(ASSETS)


def _unzipped(foreign: Foreign) -> dict[str, Buffer] | None:
    data = foreign.read()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            names = [entry.filename for entry in entries]
            if not {CONFIG, METADATA} <= set(names):
                return None
            _require_sound(foreign.name, entries)
            return {name: archive.read(name) for name in names}
    except BundleError:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise _damaged(foreign.name, str(error)) from error
    except (EOFError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        raise _damaged(foreign.name, str(error)) from error


def _require_sound(name: str, entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    if len(names) > MAX_MEMBERS:
        raise LimitExceeded(f"{name!r} holds {len(names):,} files; at most {MAX_MEMBERS:,}")
    if len(set(names)) != len(names):
        raise _damaged(name, "two files in it have one name")
    try:
        check_paths(names)
    except Unwritable as error:
        raise _damaged(name, str(error)) from error
    for entry in entries:
        if not _belongs(entry.filename):
            raise _damaged(name, f"{entry.filename!r} is nothing that Keras writes")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _damaged(name, f"{entry.filename!r} is compressed in a way that Keras does not")
        kind = entry.external_attr >> 28
        if kind not in (0, 8):
            raise _damaged(name, f"{entry.filename!r} is a link or a device")
        if entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
            raise LimitExceeded(
                f"{entry.filename!r} in {name!r} is stored in {entry.compress_size:,} bytes and "
                f"says that it has {entry.file_size:,}",
                member=entry.filename,
            )


def _damaged(name: str, reason: str) -> Damaged:
    return Damaged(
        f"{name!r} is no sound Keras file: {reason}; get it again from where it came from",
        source=name,
    )
