"""The first process: makes a bundle of every file. No framework may be loaded for that.

python -m tests.compatibility.adopting ROOT BUNDLES RESULTS KEY...
"""

from __future__ import annotations

import sys
from pathlib import Path

import bundlekit
from tests.compatibility.files import Recorded
from tests.compatibility.readers import bundle_path
from tests.compatibility.results import ERROR, REFUSED, Result, Table, reason_of

FRAMEWORKS = ("keras", "tensorflow", "tf_keras", "jax", "torch")


def adopt(file: Recorded, bundles: Path) -> Result | None:
    """Make a bundle of a file; give what went wrong, if anything did."""
    before = {name for name in FRAMEWORKS if name in sys.modules}
    try:
        adopted = bundlekit.adopt(file.path)
        bundle_path(bundles, file).write_bytes(bytes(adopted))  # `save` waits for the disk
    except bundlekit.BundleError as error:
        return Result(REFUSED, reason_of(error, file.folder))
    except Exception as error:
        return Result(ERROR, f"adopt: {reason_of(error, file.folder)}")
    loaded = [name for name in FRAMEWORKS if name in sys.modules and name not in before]
    if loaded:
        return Result(ERROR, f"adopt loaded {', '.join(loaded)}")
    return None


def main() -> None:
    root, bundles, results, *keys = sys.argv[1:]
    found = {}
    for key in keys:
        result = adopt(Recorded(Path(root), *key.split("/")), Path(bundles))
        if result is not None:
            found[key] = result
    Table({}, found).write(Path(results))


if __name__ == "__main__":
    main()
