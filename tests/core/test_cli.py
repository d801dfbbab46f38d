from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

import bundlekit
from bundlekit import manifest as manifests
from bundlekit.writing import Content, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(acme: Path, tmp_path: Path) -> Path:
    path = tmp_path / "half.bundle"
    bundlekit.dump(Fraction(1, 2), path, name="one\x1b[31mhalf", metadata={"run": 7})
    return path


def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "bundlekit", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_inspect_shows_a_card(file: Path) -> None:
    shown = run("inspect", file).stdout
    for expected in ("fraction 2 (acme-bundle)", "fraction.json", "python 3.", "run=7"):
        assert expected in shown
    assert bundlekit.Bundle(file).digest in shown


def test_a_terminal_obeys_nothing_that_an_artifact_says(file: Path) -> None:
    shown = run("inspect", file).stdout
    assert "\x1b" not in shown
    assert "one\\x1b[31mhalf" in shown


def test_inspect_json_is_the_manifest_as_stored(file: Path) -> None:
    shown = run("inspect", "--json", file).stdout
    assert shown.rstrip("\n").encode() == bundlekit.inspect(file).encode()
    assert json.loads(shown)["adapter"] == "fraction"


def test_verify_tells_what_is_sound_and_what_was_not_audited(file: Path) -> None:
    shown = run("verify", file).stdout
    assert "sound" in shown
    assert "no adapter here for fraction" in shown  # the plug-in is on this process's path only


@pytest.mark.parametrize("command", ["doctor", "inspect", "verify"])
@pytest.mark.parametrize(
    "content", [None, b"", b"words", b"PK\x03\x04 and no more than that......"]
)
def test_a_file_that_is_no_bundle_is_one_line(
    command: str, content: bytes | None, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "odd").write_bytes(content)
    done = run(command, tmp_path / "odd", code=1)
    assert done.stdout == ""
    assert done.stderr.startswith("bundlekit: ")
    assert done.stderr.count("\n") == 1


def test_verify_fails_on_a_damaged_member(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[600] ^= 1
    file.write_bytes(data)
    run("inspect", file)
    assert "'blob.bin'" in run("verify", file, code=1).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect"],
        ["no-such-command"],
        ["inspect", "--no-such-option", "x"],
        ["verify", "a", "b"],
    ],
)
def test_wrong_usage_is_told_apart(arguments: list[str]) -> None:
    assert "Usage:" in run(*arguments, code=2).stderr


def test_adapters_lists_what_is_installed() -> None:
    shown = run("adapters").stdout
    assert "bundlekit" in shown
    assert "takes keras.Model" in shown


def test_adapters_fails_where_one_is_broken(acme: Path) -> None:
    (acme / "acme_bundle.py").write_text("import no_such_module")
    code = f"import sys; sys.path.insert(0, {str(acme)!r}); from bundlekit.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "adapters"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "cannot be used: ModuleNotFoundError" in done.stdout


@pytest.mark.parametrize("command", ["", "inspect", "verify", "adapters", "demo", "doctor"])
def test_every_command_has_help(command: str) -> None:
    assert "Usage:" in run(*filter(None, [command]), "--help").stdout


def test_inspect_of_a_large_bundle_reads_and_imports_little(tmp_path: Path) -> None:
    path = tmp_path / "large.bundle"
    with path.open("wb") as file:
        content = {"zeros.bin": Content(bytes(256 * 2**20), tensors=True)}
        fields = {
            "adapter": "a",
            "payload_version": 1,
            "distribution": "d",
            "type": "t",
            "kind": "k",
        }
        write(
            file,
            content,
            lambda members: manifests.build(**fields, members=members, environment={}),
        )
    code = (
        "import sys, re, pathlib; from bundlekit.cli import _root\n"
        f"_root(['inspect', {str(path)!r}], standalone_mode=False)\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not names & {'numpy', 'keras', 'tensorflow', 'h5py', 'rich'}, names\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+) kB', status)[1]) / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "256.0 MiB" in done.stdout
    assert float(done.stdout.split()[-1]) < 100
