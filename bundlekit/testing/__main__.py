"""The interpreters of `fresh_process`: `python -m bundlekit.testing write|read FOLDER [CASES]`."""

import sys
from pathlib import Path

from bundlekit.testing import fresh

if __name__ == "__main__":
    work, folder, *cases = sys.argv[1:]
    if work == "write":
        fresh.write(Path(folder), *cases)
    else:
        fresh.read(Path(folder))
