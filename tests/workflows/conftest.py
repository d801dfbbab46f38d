"""Two processes for all rows of the requirements: one makes, one reads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make everything, from a source folder that is deleted afterwards."""
    folder = tmp_path_factory.mktemp("kept")
    source = tmp_path_factory.mktemp("source")
    for name in ("making.py", "acme_net.py"):
        shutil.copy(HERE / name, source)
    run([sys.executable, "-W", "error::UserWarning", str(source / "making.py"), str(folder)])
    shutil.rmtree(source)
    return folder


@pytest.fixture(scope="session")
def made(folder: Path) -> dict[str, Any]:
    """Give what was checked in the first process."""
    found: dict[str, Any] = json.loads((folder / "checks.json").read_text())
    return found


@pytest.fixture(scope="session")
def read(folder: Path) -> dict[str, Any]:
    """Give what the second process has found."""
    reading = [
        sys.executable,
        "-P",
        "-W",
        "error::UserWarning",
        str(HERE / "reading.py"),
        str(folder),
    ]
    # TensorFlow itself cannot be imported without a folder for temporary files.
    memory = {"TMPDIR": "/dev/shm"} if READ_ONLY else {}
    alone = {"PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "3", **memory}
    found: dict[str, Any] = json.loads(run([*READ_ONLY, *reading], env=alone, cwd="/"))
    return found


def run(command: list[str], **options: Any) -> str:
    """Run a process, and show what it said where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr[-6000:]
    return done.stdout.splitlines()[-1] if done.stdout.strip() else ""


def _read_only() -> list[str]:
    """Give what makes the root a read-only file system for one command, where that is allowed."""
    script = 'mount -o remount,ro,bind / && exec "$@"'
    for way in (["unshare", "-m"], ["unshare", "-r", "-m"]):
        command = [*way, "sh", "-c", script, "sh"]
        tried = subprocess.run([*command, "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return command
    return []


READ_ONLY = _read_only() if shutil.which("unshare") else []
