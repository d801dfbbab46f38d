"""The names that members may have: one file on every system, and never a way out of a folder."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from bundlekit.errors import Unwritable

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PATH_SIZE = 1_024
"""Bytes of UTF-8. Threat: names made to break the tools that list them. Keras' asset paths
repeat the nesting of layers, about 20 bytes a level."""
MAX_PART_SIZE = 255
"""Bytes of UTF-8; no file system in use takes longer names."""


def check_paths(paths: Iterable[str]) -> None:
    """Refuse names that are not relative, plain, normalised and distinct.

    Raises:
        Unwritable: naming the path and what is wrong with it.
    """
    seen: dict[str, str] = {}
    for path in paths:
        fault = _path_fault(path)
        if fault:
            raise Unwritable(f"the member name {path!r} {fault}", path=path)
        folded = unicodedata.normalize("NFC", path.casefold())
        if folded in seen:
            raise Unwritable(
                f"the member names {seen[folded]!r} and {path!r} are one file where case or "
                f"Unicode forms are not told apart",
                path=path,
            )
        seen[folded] = path
    for path in seen.values():
        parent = path
        while "/" in parent:
            parent = parent.rpartition("/")[0]
            if unicodedata.normalize("NFC", parent.casefold()) in seen:
                raise Unwritable(f"the member name {path!r} is below another member", path=path)


def _path_fault(path: str) -> str | None:
    parts = path.split("/")
    if not path:
        return "is empty"
    if len(path.encode(errors="surrogatepass")) > MAX_PATH_SIZE:
        return f"is longer than {MAX_PATH_SIZE} bytes"
    if any(len(part.encode(errors="surrogatepass")) > MAX_PART_SIZE for part in parts):
        return f"has a part that is longer than {MAX_PART_SIZE} bytes"
    if any(part in ("", ".", "..") for part in parts):
        return "is not relative and normalised"
    if "\\" in path or ":" in path:
        return "has a backslash or a colon, which some systems read as a folder or a drive"
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in path):
        return "has a control character"
    if path != unicodedata.normalize("NFC", path):
        return "is not in Unicode normal form C"
    if any(part != part.rstrip(". ") for part in parts):
        return "has a part that ends in a dot or a space, which some systems drop"
    return None
