from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from bundlekit_keras import demo
from bundlekit_keras.observe import KerasObserver

import bundlekit
from bundlekit.testing import Observation

if TYPE_CHECKING:
    from pathlib import Path


def test_the_demo_shows_that_everything_is_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bundlekit", "demo", "--keep", "digits.bundle"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DIFFERENT" not in done.stdout
    for shown in ("accuracy on the other", "the manifest", "keras.saving", "loss of the next step"):
        assert shown in done.stdout
    assert bundlekit.inspect(tmp_path / "digits.bundle").name == "digits"


def test_the_demo_does_not_start_where_it_could_not_keep_its_bundle(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    with pytest.raises(bundlekit.TargetExists, match="there exists"):
        demo.run(tmp_path / "there")


@pytest.mark.parametrize(
    "place",
    [
        "prediction",
        "next step/loss",
        "variable/layers/dense/vars/0",
        "variable/optimizer/vars/0",
    ],
)
def test_the_demo_fails_where_something_differs(
    place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def restored_with_a_fault(case: Any, bundle: bytes) -> list[Observation]:
        observer = KerasObserver()
        obj = bundlekit.unbundle(bundle)
        seen = [*observer.state(obj), *observer.behaviour(obj, case.inputs, case.targets)]
        return [
            Observation(one.place, one.value + 1, one.label)  # type: ignore[operator]
            if one.place == place
            else one
            for one in seen
        ]

    monkeypatch.setattr(demo, "_EPOCHS", 1)
    monkeypatch.setattr(demo, "_REPEATS", 1)
    monkeypatch.setattr(demo, "restore_elsewhere", restored_with_a_fault)
    monkeypatch.setattr(demo, "_stock", lambda *_: [])
    assert demo.run() is False
    assert "DIFFERENT" in capsys.readouterr().out


def test_the_demo_fails_where_stock_keras_cannot_read_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.console import Console

    (tmp_path / "digits.keras").write_bytes(b"no model")
    checks = demo._stock(Console(), None, tmp_path / "digits.keras", demo._digits())
    assert [same for _, same, _ in checks] == [False]
