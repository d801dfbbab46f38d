"""Two interpreters: one that makes objects and bundles them, one that never saw how.

Starting a framework takes seconds, so many objects share the two processes. They talk to
each other, and to the test that started them, through files in one folder: for each case the
bundle, and pickles of what was given to the case and of what was seen of it. (Pickles of the
kit's own, between processes of one test; no artifact holds any.)
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pickle
import subprocess
import sys
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bundlekit._registry import installed
from bundlekit.testing.comparison import Difference, Observation, compare, report
from bundlekit.testing.failures import FreshProcessFailed, RoundTripFailed
from bundlekit.testing.observers import observer_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from bundlekit.trust import Trust

_TIMEOUT = 900


@dataclass(frozen=True, kw_only=True)
class Case:
    """One object to be made, bundled and restored.

    Attributes:
        name: of the case; also the name of its files.
        obj: the live object.
        inputs: what to predict on; arrays, or dicts and lists of them.
        targets: what to train the next step on; `None` leaves it to the observer.
        adapter: the adapter to use; by default the one that claims the object.
        custom_objects: what the reader gives to `unbundle`, as `module:qualified_name`.
        python_path: folders where the reader finds those modules; relative ones are below the
            folder of the file of cases.
        trust: what the reader trusts, as for `unbundle`.
    """

    name: str
    obj: Any
    inputs: Any
    targets: Any = None
    adapter: str | None = None
    custom_objects: Mapping[str, str] = field(default_factory=dict)
    python_path: Sequence[str] = ()
    trust: Trust | Sequence[str] | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a case."""

    name: str
    digest: str
    differences: tuple[Difference, ...]
    """Where what came back differs from what was bundled."""
    impure: tuple[Difference, ...]
    """What bundling changed in the writer's process."""
    unstable: bool
    """Whether bundling twice gave different bytes, with an adapter that promises the same."""
    error: str | None
    """The traceback, if the case could not be made or restored."""

    def check(self) -> None:
        """Raise if anything is wrong with the case.

        Raises:
            RoundTripFailed: saying where the first difference is.
        """
        if self.error:
            raise RoundTripFailed(f"{self.name} did not come back:\n{self.error}", differences=())
        faults = {
            f"{self.name} came back different": self.differences,
            f"bundling {self.name} changed it or its process": self.impure,
        }
        for what, differences in faults.items():
            if differences:
                raise RoundTripFailed(f"{what}:\n{report(differences)}", differences=differences)
        if self.unstable:
            raise RoundTripFailed(
                f"bundling {self.name} twice gave different bytes", differences=()
            )


@dataclass
class _Given:
    """What the reader is told of a case; it travels as a pickle."""

    inputs: Any
    targets: Any
    observer: str
    custom_objects: Mapping[str, str]
    python_path: Sequence[str]
    trust: Trust | Sequence[str] | None


@dataclass
class _Written:
    digest: str
    seen: Sequence[Observation]
    impure: tuple[Difference, ...] = ()
    unstable: bool = False


def fresh_process(
    cases: str | os.PathLike[str], *, timeout: float = _TIMEOUT
) -> dict[str, Outcome]:
    """Make objects in one fresh interpreter, restore them in another, and compare.

    Args:
        cases: a Python file that defines `cases()`, which yields `Case`s. Only the first
            interpreter runs it.
        timeout: seconds for each interpreter.

    Returns:
        What became of each case, by name.

    Raises:
        FreshProcessFailed: an interpreter died, or the file yields no cases.

    Example:
        >>> for outcome in fresh_process("models.py").values():  # doctest: +SKIP
        ...     outcome.check()
    """
    with TemporaryDirectory(prefix="bundlekit-test-") as name:
        folder = Path(name)
        _run("write", folder, [str(Path(cases).resolve())], timeout)
        _run("read", folder, [], timeout)
        outcomes = {path.stem: _outcome(folder, path.stem) for path in folder.glob("*.written")}
    if not outcomes:
        raise FreshProcessFailed(f"{os.fspath(cases)} yields no cases", cases=os.fspath(cases))
    return outcomes


def restore_elsewhere(case: Case, bundle: bytes, timeout: float = _TIMEOUT) -> list[Observation]:
    """Restore one bundle of this process in a fresh interpreter; give what is seen there.

    Raises:
        RoundTripFailed: it could not be restored there.
    """
    from bundlekit.bundle_type import Bundle

    with TemporaryDirectory(prefix="bundlekit-test-") as name:
        folder = Path(name)
        (folder / f"{case.name}.bundle").write_bytes(bundle)
        _put(folder / f"{case.name}.given", _given(case, Bundle(bundle).manifest.adapter))
        _run("read", folder, [], timeout)
        seen = _get(folder / f"{case.name}.seen")
    if isinstance(seen, str):
        raise RoundTripFailed(f"the object did not come back:\n{seen}", differences=())
    return list(seen)


def write(folder: Path, cases: str) -> None:
    """Do the writer's work; it runs in the first interpreter."""
    home = Path(cases).parent
    for case in _module(cases).cases():
        case = replace(case, python_path=[str(home / entry) for entry in case.python_path])
        path = folder / f"{case.name}.written"
        try:
            _put(path, _write_case(folder, case))
        except Exception:
            _put(path, traceback.format_exc())


def read(folder: Path) -> None:
    """Do the reader's work; it runs in the second interpreter."""
    for path in sorted(folder.glob("*.given")):
        try:
            _put(path.with_suffix(".seen"), _read_case(path))
        except Exception:
            _put(path.with_suffix(".seen"), traceback.format_exc())


def _write_case(folder: Path, case: Case) -> _Written:
    import bundlekit

    chosen = installed().choose(case.obj, case.adapter)
    observer = observer_for(chosen.name)
    before = [*observer.state(case.obj), *observer.surroundings()]
    bundle = bundlekit.bundle(case.obj, case.adapter)
    after = [*observer.state(case.obj), *observer.surroundings()]
    again = bundlekit.bundle(case.obj, case.adapter)
    unstable = chosen.adapter.deterministic and bytes(again) != bytes(bundle)
    bundle.save(folder / f"{case.name}.bundle")
    _put(folder / f"{case.name}.given", _given(case, chosen.name))
    seen = [*observer.state(case.obj), *observer.behaviour(case.obj, case.inputs, case.targets)]
    return _Written(bundle.digest, seen, compare(before, after), unstable)


def _read_case(path: Path) -> list[Observation]:
    import bundlekit

    given: _Given = _get(path)
    sys.path[:0] = given.python_path
    objects = {name: _import(reference) for name, reference in given.custom_objects.items()}
    source = path.with_suffix(".bundle")
    obj = bundlekit.load(source, custom_objects=objects, trust=given.trust)
    observer = observer_for(given.observer)
    return [*observer.state(obj), *observer.behaviour(obj, given.inputs, given.targets)]


def _outcome(folder: Path, name: str) -> Outcome:
    written = _get(folder / f"{name}.written")
    if isinstance(written, str):
        return Outcome(name, "", (), (), unstable=False, error=written)
    seen = _get(folder / f"{name}.seen")
    error, differences = (
        (seen, ()) if isinstance(seen, str) else (None, compare(written.seen, seen))
    )
    return Outcome(name, written.digest, differences, written.impure, written.unstable, error)


def _given(case: Case, observer: str) -> _Given:
    return _Given(
        case.inputs, case.targets, observer, case.custom_objects, case.python_path, case.trust
    )


def _run(work: str, folder: Path, arguments: list[str], timeout: float) -> None:
    # The framework's own complaints, such as an optimizer whose variables do not match, are
    # errors here. The folder that the test runs in and PYTHONPATH are not visible.
    command = [sys.executable, "-W", "error::UserWarning", "-m", "bundlekit.testing", work]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with TemporaryDirectory(prefix="bundlekit-empty-") as empty:
        try:
            done = subprocess.run(
                [*command, str(folder), *arguments],
                cwd=empty,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise FreshProcessFailed(
                f"the interpreter that should {work} was stopped after {timeout:.0f} seconds",
                timeout=timeout,
            ) from error
    if done.returncode:
        output = done.stdout.decode(errors="replace")
        raise FreshProcessFailed(
            f"the interpreter that should {work} ended with {done.returncode}:\n{output[-4000:]}",
            returncode=done.returncode,
            output=output,
        )


def _module(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise FreshProcessFailed(f"{path} is no Python file", cases=path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(Path(path).parent))
    spec.loader.exec_module(module)
    return module


def _import(reference: str) -> object:
    module, _, name = reference.partition(":")
    found: object = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _put(path: Path, value: object) -> None:
    path.write_bytes(pickle.dumps(value, protocol=5))


def _get(path: Path) -> Any:
    return pickle.loads(path.read_bytes())
