"""The examples of the pages run as they stand, and print what the pages show.

How a page is read, from its fenced blocks:

* A `python` block begins with a comment that names its file. A name with a folder,
  `# acme/layers.py`, is a module: it is written, and imported by others. A name without one,
  `# train.py`, is a script; blocks of one name follow each other in it.
* A `text` block is what the script above it prints there. A script without one prints nothing.
* A `console` block holds commands after `$ ` and what they print.

All modules of a page are written to one folder that is empty before. There the scripts run, each
in a fresh process, in the order in which the page begins them; then the commands. In what is
shown, `…` stands for any text. Warnings of the kind that users see are errors.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection

DOCS = Path(__file__).parents[2] / "docs"
PAGES = tuple(
    f"{name}.md"
    for name in ("custom-objects", "environment", "probe", "savedmodel", "trust", "workflows")
)
ENGINES = {"on_dask.py": "distributed", "on_ray.py": "ray", "on_spark.py": "pyspark"}
"""The scripts of `cluster.md`, and what has to be installed for each."""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ((?:\w+/)*\w+\.py)\n")
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    "PYTHONIOENCODING": "utf-8",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def run_page(page: str, folder: Path, without: Collection[str] = ()) -> None:
    """Run the examples of a page's text; fails at the first that does not what the page shows."""
    files: dict[str, str] = {}
    printed: dict[str, str] = {}
    commands: list[tuple[str, str]] = []
    name = ""
    for kind, block in BLOCK.findall(page):
        if kind == "python":
            named = FILE.match(block)
            assert named, f"this block does not say which file it is of:\n{block}"
            name = named[1]
            files[name] = files.get(name, "") + block
        elif kind == "text":
            printed[name] = printed.get(name, "") + block
        elif kind == "console":
            commands += re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for name in files:
        if "/" not in name and name not in without:
            done = run(folder, "-W", "error::UserWarning", name)
            assert done.returncode == 0, f"{name} failed:\n{done.stderr[-4000:]}"
            require_alike(done.stdout, printed.get(name, ""), name)
    for command, shown in commands:
        program, *arguments = shlex.split(command)
        assert program == "bundlekit", f"{command}: only commands of bundlekit are run"
        done = run(folder, "-m", program, *arguments)
        assert done.returncode == 0, f"{command} failed:\n{done.stderr[-4000:]}"
        require_alike(done.stdout, shown, command)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def require_alike(found: str, shown: str, what: str) -> None:
    """Compare what was printed with what a page shows, where `…` stands for any text."""
    pattern = ".*?".join(map(re.escape, shown.rstrip().split("…")))
    text = "\n".join(line.rstrip() for line in found.splitlines()).rstrip()
    assert re.fullmatch(pattern, text, re.DOTALL), f"{what} printed\n{text}\nand not\n{shown}"


@pytest.mark.parametrize("name", PAGES)
def test_the_examples_of_a_page_do_what_it_shows(name: str, tmp_path: Path) -> None:
    run_page((DOCS / name).read_text(encoding="utf-8"), tmp_path)


@pytest.mark.parametrize("script", ENGINES)
def test_a_handle_is_restored_once_per_worker_of_a_cluster(script: str, tmp_path: Path) -> None:
    pytest.importorskip(ENGINES[script])
    page = (DOCS / "cluster.md").read_text(encoding="utf-8")
    run_page(page, tmp_path, without=ENGINES.keys() - {script})


SMALL = """
```python
# acme/parts.py
ONE = 1
```

Some text.

```python
# write.py
from acme.parts import ONE
open("file", "w").write(str(ONE))
```

```python
# read.py
assert "ONE" not in globals()
print(open("file").read(), "is", id(print))
```

```text
1 is …
```

```python
# write.py
assert ONE == 1
```

```console
$ bundlekit verify --help
Usage: … verify …

$ bundlekit adapters
composite…
```
"""


def test_a_page_is_modules_scripts_and_commands(tmp_path: Path) -> None:
    run_page(SMALL, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "acme",
        "file",
        "read.py",
        "write.py",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ONE == 1", "ONE == 2", "write.py failed"),
        ("assert ONE == 1", "import warnings; warnings.warn('x')", "write.py failed"),
        ("1 is …", "2 is …", "read.py printed"),
        ("1 is …", "1 is … 2", "read.py printed"),
        ("1 is …", "1 is", "read.py printed"),
        ("assert ONE == 1", "print(ONE)", "write.py printed"),
        ("# write.py\n", "", "does not say which file"),
        ("composite…", "compost…", "bundlekit adapters printed"),
        ("verify --help", "verify no-such-file", "verify no-such-file failed"),
        ("bundlekit adapters", "rm -r x", "only commands of bundlekit"),
    ],
)
def test_a_page_that_shows_something_else_fails(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert old in SMALL
    with pytest.raises(AssertionError, match=message):
        run_page(SMALL.replace(old, new), tmp_path)
