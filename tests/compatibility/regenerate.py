"""Write the tables of results and the page that shows them.

    python -m tests.compatibility.regenerate           # what bundlekit reads
    python -m tests.compatibility.regenerate --stock   # what stock Keras reads
    python -m tests.compatibility.regenerate --page    # the page alone

Models are compiled, as users' are; the test runs them op by op, and the results are the same.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.artifacts.keras_files import SCRIPT, unpack
from tests.compatibility.files import recorded
from tests.compatibility.page import page
from tests.compatibility.results import Table, installed_reader, summary
from tests.compatibility.run import run

HERE = Path(__file__).parent
EXPECTED = HERE / "expected.json"
STOCK = HERE / "stock.json"
PAGE = HERE.parents[1] / "docs" / "compatibility.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stock", action="store_true", help="what stock Keras reads")
    parser.add_argument("--page", action="store_true", help="only write the page")
    given = parser.parse_args()
    if not given.page:
        with TemporaryDirectory(prefix="bundlekit-test-") as folder:
            files = recorded(unpack(Path(folder)))
            results = run(files, SCRIPT, stock=given.stock, eager=False)
        Table(installed_reader(), results).write(STOCK if given.stock else EXPECTED)
        sys.stdout.write(f"{summary(results.values())}\n")
    PAGE.write_text(page(Table.read(EXPECTED), Table.read(STOCK)), "utf-8")


if __name__ == "__main__":
    main()
