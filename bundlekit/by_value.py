"""Classes and functions as bytes, the same bytes each time, and back.

cloudpickle knows how to take a class or a function apart. What it gives differs from process to
process and names folders of the machine: identifiers drawn at random, sets in the order of the
hash seed, objects told apart by where they lie in memory, file names. `code_pickler` removes
all this; here are the two verbs and the refusals.

What comes out is bytecode: it loads on the Python minor that wrote it, and crashes others.
Whoever stores it has to record the version, and to compare it before `loads`.
"""

from __future__ import annotations

import io
import pickle
import sys
import threading
import traceback
import types
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bundlekit.code_pickler import CodePickler, OnlyByName
from bundlekit.errors import FrameworkMissing, NotRestorable, Unwritable
from bundlekit.warning import warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_LOCK = threading.RLock()


def dumps(objects: Mapping[str, object], *, modules: Iterable[str] = ()) -> bytes:
    """Pickle classes and functions by value, together, so that what they share stays shared.

    The same source gives the same bytes, in any process of the same Python minor with the same
    cloudpickle. Neither the folders of this machine nor file names of code are in them; nor is
    `__file__`, so code that looks for files next to itself fails after loading. The objects stay
    as they are. Out of reach are values whose own pickle or `repr` in a set varies, paths that
    were put into values, and a cloudpickle whose inside was rebuilt: its bytes are taken as they
    are, and a `BundleWarning` says so.

    Args:
        objects: classes and functions by key; the order of the keys has no influence.
        modules: names of modules (packages: with all below them) whose classes and functions
            travel by value too, besides those of `__main__` and local ones. All others are
            stored as a name to import.

    Raises:
        Unwritable: something that they refer to cannot be pickled, or a module is not imported.
        FrameworkMissing: cloudpickle is not installed.

    Example:
        >>> loads(dumps({"double": lambda x: 2 * x}))["double"](21)
        42
    """
    cloudpickle = _cloudpickle()
    ordered = {key: objects[key] for key in sorted(objects)}
    with _LOCK, _by_value(cloudpickle, modules) as names:
        try:
            pickler = CodePickler(cloudpickle.Pickler(io.BytesIO()), names)
            data: bytes = pickler.dumps(ordered)
        except OnlyByName as error:
            raise _unwritable(error) from error
        except Exception as error:
            try:
                data = cloudpickle.dumps(ordered)
            except Exception:
                raise _unwritable(error) from error
            warn(
                f"the code was stored as cloudpickle {cloudpickle.__version__} gives it, other "
                f"bytes each time and with the names of files, as the same bytes could not be "
                f"made of it: {_text(error)}; try another version of cloudpickle"
            )
    for name, module in pickler.imports.items():
        warn(
            f"the code of {name} travels by value and imports {module} when it is called, and "
            f"its readers may not have that; imported at the top of its file, it travels too"
        )
    return data


def loads(data: bytes | memoryview) -> dict[str, object]:
    """Run the pickle. This executes code; whoever calls it has been allowed to.

    The classes are new ones, also in the process that wrote them. Bytes of another Python minor
    may load and then crash the process: compare the versions first.

    Raises:
        NotRestorable: it fails, for example because a module that it refers to is not there.
        FrameworkMissing: cloudpickle is not installed.
    """
    _cloudpickle()
    try:
        found = pickle.loads(data)  # noqa: S301 - see above
    except (Exception, SystemExit) as error:
        raise _not_restorable(_text(error)) from error
    if not isinstance(found, dict):
        raise _not_restorable(f"found {type(found).__name__}, expected a dict of code")
    return found


@contextmanager
def _by_value(cloudpickle: Any, modules: Iterable[str]) -> Iterator[frozenset[str]]:
    """Tell cloudpickle which modules travel; it forgets afterwards."""
    registered = cloudpickle.list_registry_pickle_by_value()
    added = []
    try:
        for name in sorted(set(modules) - registered):
            if not isinstance(sys.modules.get(name), types.ModuleType):
                raise Unwritable(
                    f"the module {name!r} should travel by value and is not imported; expected "
                    f"names of modules that the objects come from; correct the name",
                    module=name,
                )
            cloudpickle.register_pickle_by_value(sys.modules[name])
            added.append(sys.modules[name])
        yield frozenset(cloudpickle.list_registry_pickle_by_value())
    finally:
        for module in added:
            cloudpickle.unregister_pickle_by_value(module)


def _cloudpickle() -> Any:
    try:
        import cloudpickle
    except ImportError as error:
        raise FrameworkMissing(
            f"code by value needs cloudpickle, which is not installed ({error}); install it with "
            f"pip install cloudpickle",
            framework="cloudpickle",
        ) from error
    return cloudpickle


def _unwritable(error: Exception) -> Unwritable:
    """Say what could not be pickled; the pickler's frames know where it was."""
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)]
    names = [seen["k"] for seen in frames if isinstance(seen.get("k"), str)]
    holders = [
        seen["obj"].__qualname__
        for seen in frames
        if "k" not in seen and isinstance(seen.get("obj"), type | types.FunctionType)
    ]
    key, name = (names[0], names[-1]) if names else ("?", "?")
    where = key.partition(".")[2] or key  # told by number, as two may have one name
    if holders:
        where += f": {name!r} of {holders[-1]}"
    return Unwritable(
        f"cannot store the code of {where}, as {_text(error)}; make {name!r} in the function that "
        f"needs it, or keep it in a module that the reader imports",
        key=key,
    )


def _not_restorable(problem: str) -> NotRestorable:
    return NotRestorable(
        f"the code that the artifact carries by value did not load: {problem}; such code is tied "
        f"to the Python minor that wrote it, and needs the modules that it refers to; this is "
        f"Python {sys.version_info[0]}.{sys.version_info[1]}; load it where it was written, or "
        f"give the classes and functions yourself"
    )


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
