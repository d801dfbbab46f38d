"""What skops makes of an object, and back: its schema, and the files beside it."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from typing import TYPE_CHECKING, Any

from bundlekit.errors import NotRestorable, Refused, Unwritable
from bundlekit_sklearn.arrays import settled
from bundlekit_sklearn.framework import require_skops

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bundlekit.source import Buffer

SCHEMA = "schema.json"


def dumps(obj: object, what: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Give the schema and the files that it refers to, by their names in it.

    Raises:
        Unwritable: skops does not take it; the message says what.
    """
    skops = require_skops()
    try:
        data = skops.dumps(obj)
    except RecursionError as error:
        raise Unwritable(
            f"{what} refers to itself, which skops does not store; drop the attribute that leads "
            f"back, or make it before each use",
            type=what,
        ) from error
    except Exception as error:
        raise Unwritable(f"skops does not store {what}: {error}", type=what) from error
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema: dict[str, Any] = json.loads(files.pop(SCHEMA))
    return schema, {
        name: settled(data) if name.endswith(".npy") else data for name, data in files.items()
    }


def loads(schema: Mapping[str, Any], files: Mapping[str, Buffer], trusted: Collection[str]) -> Any:
    """Let skops construct an object; it audits the schema once more.

    Args:
        schema: the schema.
        files: the files that it refers to.
        trusted: the names of classes and functions that may be used.

    Raises:
        Refused: skops found another name.
        NotRestorable: skops failed.
    """
    skops = require_skops()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(SCHEMA, json.dumps(schema))
    try:
        return skops.loads(buffer.getvalue(), trusted=sorted(trusted))
    except sys.modules["skops.io.exceptions"].UntrustedTypesFoundException as error:
        raise Refused(f"skops finds what the audit has not: {error}", found=str(error)) from error
    except Exception as error:
        raise NotRestorable(
            f"skops could not restore the estimator: {type(error).__name__}: {error}; compare the "
            f"versions of scikit-learn and skops with those in the manifest's environment"
        ) from error
