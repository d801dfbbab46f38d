"""Inspect and verify all bundles below a folder, and print what was seen, as JSON.

Run as `python -m tests.backends.inspecting FOLDER`; KERAS_BACKEND may say anything.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import bundlekit

FRAMEWORKS = ("keras", "tensorflow", "jax", "torch")


def main(root: Path) -> None:
    seen = {}
    for path in sorted(root.glob("*/*.bundle")):
        manifest = bundlekit.inspect(path)
        digest = bundlekit.verify(path).digest
        seen[f"{path.parent.name}/{path.stem}"] = {
            "backend": manifest.environment["backend"],
            "digest": digest,
            "losses": [loss.what for loss in manifest.losses],
        }
    imported = [name for name in FRAMEWORKS if name in sys.modules]
    print(json.dumps({"bundles": seen, "imported": imported}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
