"""Read every recorded file below a folder in fresh processes, and say what became of each.

    python -m tests.compatibility.run [ROOT --models SCRIPT] [--only PART_OF_KEY ...]

ROOT holds `<writer>/<model>/`, and SCRIPT is the code that made the models. By default these are
the artifacts of this repository.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Timer
from typing import TYPE_CHECKING

from tests.artifacts.keras_files import SCRIPT, unpack
from tests.compatibility.files import recorded, weights_beside
from tests.compatibility.results import ERROR, OK, Result, Table, installed_reader, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.compatibility.files import Recorded

REPOSITORY = Path(__file__).parents[2]
TIMEOUT = 300
"""Seconds for one file; most take less than one."""


def run(
    files: Sequence[Recorded],
    script: Path,
    *,
    stock: bool = False,
    eager: bool = True,
    processes: int = 2,
    say: Callable[[str, Result], None] = lambda *_: None,
) -> dict[str, Result]:
    """Adopt all files in one process, and read the bundles in others.

    Args:
        files: of one folder.
        script: the code that made the models.
        stock: let Keras read the files themselves.
        eager: run models op by op, and compile none.
        processes: how many read at a time.
        say: is told of each file's result.
    """
    with TemporaryDirectory(prefix="bundlekit-test-") as name:
        folder = Path(name)
        (folder / "bundles").mkdir()
        known = {} if stock else _adopt(files, folder)
        for key, result in known.items():
            say(key, result)
        todo = [file for file in files if file.key not in known]
        shares = [todo[start::processes] for start in range(processes)]
        with ThreadPoolExecutor(processes) as pool:
            how = ["stock" if stock else str(folder / "bundles"), "eager" if eager else "graph"]
            reading = [pool.submit(_read, share, [str(script), *how], say) for share in shares]
            for one in reading:
                known |= one.result()
    return {file.key: known[file.key] for file in files}


def _adopt(files: Sequence[Recorded], folder: Path) -> dict[str, Result]:
    beside = [other for file in files if file.format == "json" for other in weights_beside(file)]
    keys = sorted({file.key for file in [*files, *beside]})
    results = folder / "adopted.json"
    root = str(files[0].root)
    command = _command("adopting", root, str(folder / "bundles"), str(results), *keys)
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the process that adopts ended with {done.returncode}:\n{done.stderr}")
    return {
        key: result
        for key, result in Table.read(results).results.items()
        if key in {file.key for file in files}
    }


def _read(
    files: Sequence[Recorded], how: Sequence[str], say: Callable[[str, Result], None]
) -> dict[str, Result]:
    """Read files in one process; where it dies, another goes on behind the file."""
    found: dict[str, Result] = {}
    while left := [file.key for file in files if file.key not in found]:
        command = _command("reading", str(files[0].root), *how, *left)
        with (
            TemporaryFile() as errors,
            subprocess.Popen(
                command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8"
            ) as process,
        ):
            assert process.stdout is not None
            while line := _line(process):
                key, text = json.loads(line)
                found[key] = Result.parse(text)
                say(key, found[key])
            ended = process.wait()
            errors.seek(0)
            last = " ".join(errors.read().decode(errors="replace")[-600:].split())
        died = next((key for key in left if key not in found), None)
        if died:
            found[died] = Result(ERROR, f"the process ended with {ended}: {last}")
            say(died, found[died])
    return found


def _line(process: subprocess.Popen[str]) -> str:
    """Wait for the next line of a process, and stop one that takes too long."""
    assert process.stdout is not None
    watch = Timer(TIMEOUT, process.kill)
    watch.start()
    try:
        return process.stdout.readline()
    finally:
        watch.cancel()


def _command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"tests.compatibility.{module}", *arguments]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", type=Path, nargs="?")
    parser.add_argument("--models", type=Path, default=SCRIPT, help="what made the models")
    parser.add_argument("--only", nargs="+", default=[], help="parts of keys: keras3.0/ /json …")
    parser.add_argument("--stock", action="store_true", help="let stock Keras read the files")
    parser.add_argument("--graph", action="store_true", help="compile the models, as users do")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the results there too")
    parser.add_argument("--against", type=Path, help="earlier results: say only what is new")
    given = parser.parse_args()
    earlier = Table.read(given.against).results if given.against else {}

    def say(key: str, result: Result) -> None:
        if result != earlier.get(key, Result(OK)):
            print(f"{key}: {result}", flush=True)

    with TemporaryDirectory(prefix="bundlekit-test-") as folder:
        root = given.root.resolve() if given.root else unpack(Path(folder))
        files = recorded(root, given.only)
        if not files:
            parser.error(f"no file below {root} has one of {given.only} in its key")
        results = run(
            files,
            given.models.resolve(),
            stock=given.stock,
            eager=not given.graph,
            processes=given.processes,
            say=say,
        )
    if given.json:
        Table(installed_reader(), results).write(given.json)
    print(summary(results.values()))
    return 0 if all(result.good for result in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
