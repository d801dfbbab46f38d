"""What is here: versions of what this process has or would import, and nothing is imported."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from bundlekit._version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

BACKEND = "backend"
"""The component that names the package that Keras computes with."""
Installations: TypeAlias = "tuple[tuple[str, tuple[tuple[str, int], ...]], ...]"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def found(name: str) -> tuple[str | None, str]:
    """Give the version of what a manifest calls by this name, and what pip calls it here.

    Example:
        >>> found("no_such_package")
        (None, 'no_such_package')
    """
    own = {"python": platform.python_version, "platform": platform_name, BACKEND: backend}
    if name in own:
        return own[name](), name
    if name == "bundlekit":
        return __version__, name
    if not _NAME.fullmatch(name):
        return None, name
    installed, distribution = _installed(name)
    # A loaded module is what runs, whatever was installed since; nothing that an artifact names
    # may run a module's own `__getattr__`.
    module = sys.modules.get(name)
    loaded = vars(module).get("__version__") if isinstance(module, ModuleType) else None
    return (str(loaded) if isinstance(loaded, str) else installed), distribution


def backend() -> str:
    """Name the backend of Keras in this process, or the one that it would have."""
    current = getattr(getattr(sys.modules.get("keras"), "backend", None), "backend", None)
    if callable(current):
        return str(current())
    return os.environ.get("KERAS_BACKEND") or _configured() or "tensorflow"


def platform_name() -> str:
    """Name the system and its processor, as manifests do."""
    return f"{platform.system()}-{platform.machine()}".lower()


def _configured() -> str | None:
    """Give the backend that Keras' own settings file names."""
    folder = os.environ.get("KERAS_HOME")
    try:
        path = Path(folder).expanduser() if folder else Path.home() / ".keras"
        found: Any = json.loads((path / "keras.json").read_text(encoding="utf-8"))
        named = found.get("backend")
    except (OSError, ValueError, RuntimeError, AttributeError):
        return None
    return named if isinstance(named, str) else None


def _installed(name: str) -> tuple[str | None, str]:
    return _installed_among(name, installations())


@lru_cache(maxsize=256)
def _installed_among(name: str, _installations: Installations) -> tuple[str | None, str]:
    try:
        return metadata.version(name), name
    except metadata.PackageNotFoundError:
        pass
    for distribution in distributions().get(name, ()):
        return metadata.version(distribution), distribution
    return None, name


def installations() -> Installations:
    """Give something that is another one when anything was installed, or removed."""
    return tuple((folder, _infos(folder, _changed(folder))) for folder in sys.path)


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns  # noqa: PTH116 - a quarter of the time
    except OSError:
        return 0


@lru_cache(maxsize=256)
def _infos(folder: str, _changed: int) -> tuple[tuple[str, int], ...]:
    """Give what is installed in a folder; models may be saved beside a program all the time."""
    try:
        with os.scandir(folder or ".") as entries:
            found = [one for one in entries if one.name.endswith((".dist-info", ".egg-info"))]
        return tuple(sorted((one.name, one.stat().st_mtime_ns) for one in found))
    except OSError:
        return ()


def distributions() -> Mapping[str, list[str]]:
    """Give the names of the distributions that each top-level package comes from."""
    return _distributions(installations())


@lru_cache(maxsize=1)
def _distributions(_installations: Installations) -> Mapping[str, list[str]]:
    return metadata.packages_distributions()
