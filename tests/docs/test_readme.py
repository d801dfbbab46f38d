"""What the README shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "CHANGELOG.md"]


def example() -> str:
    found = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert found
    return found[1]


def test_the_example_runs_as_it_stands(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", example()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "('evaluate', 'fit', 'predict', 'resume')"
    assert [path.name for path in tmp_path.iterdir()] == ["model.bundle"]


def test_the_example_is_short() -> None:
    lines = [line for line in example().splitlines() if line.strip()]
    assert len(lines) <= 15


def test_the_two_commands_stand_on_one_line_each() -> None:
    text = README.read_text()
    assert "\npip install uv && uv run bundlekit demo\n" in text
    assert "\npip install uv && uv run pytest\n" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_commands_that_are_shown_exist() -> None:
    from bundlekit.cli import COMMANDS

    shown = set(re.findall(r"^(?:.*&& uv run )?bundlekit (\w+)", README.read_text(), re.MULTILINE))
    assert shown == set(COMMANDS)
