"""Files and folders that others wrote: read on request, and never a way to another file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bundlekit import LimitExceeded, NotABundle, Refused, SourceMissing, SourceUnreadable
from bundlekit import foreign as module
from bundlekit.foreign import Foreign

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model" / "variables").mkdir(parents=True)
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"program")
    (tmp_path / "model" / "variables" / "variables.index").write_bytes(b"index")
    return tmp_path / "model"


def test_a_file_is_its_own_path(folder: Path) -> None:
    found = Foreign(folder / "saved_model.pb")
    assert (found.is_folder, found.paths) == (False, ("saved_model.pb",))
    assert (found.head(4), found.tail(3)) == (b"prog", b"ram")
    assert found.read() == found.read("saved_model.pb") == b"program"


def test_a_folder_lists_its_files(folder: Path) -> None:
    found = Foreign(str(folder))
    assert found.is_folder
    assert found.paths == ("saved_model.pb", "variables/variables.index")
    assert found.read("variables/variables.index") == b"index"


def test_a_prefix_stands_for_the_files_of_a_checkpoint(folder: Path) -> None:
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(b"data")
    (folder / "variables" / "other.index").write_bytes(b"")
    found = Foreign(folder / "variables" / "variables")
    assert found.paths == ("variables.data-00000-of-00001", "variables.index")


@pytest.mark.parametrize("name", ["saved_model.pb", "../secret", "/etc/hostname", "nothing"])
def test_only_what_is_listed_is_read(folder: Path, name: str) -> None:
    (folder.parent / "secret").write_bytes(b"secret")
    with pytest.raises(SourceMissing, match="has no"):
        Foreign(folder / "variables").read(name)


@pytest.mark.parametrize("name", ["", ".", "..", "../saved_model.pb", "a/b", "C:x", "a\\b", "a\0"])
def test_what_a_file_refers_to_is_beside_it(folder: Path, name: str) -> None:
    with pytest.raises(Refused, match="expected the name of a file beside it"):
        Foreign(folder / "saved_model.pb").beside(name)


def test_a_file_beside_it_that_is_a_link(folder: Path) -> None:
    (folder / "shard.h5").symlink_to("/etc/hostname")
    with pytest.raises(Refused, match="is a link"):
        Foreign(folder / "saved_model.pb").beside("shard.h5")


@pytest.mark.parametrize("kind", ["file link", "folder link", "dangling link", "fifo"])
def test_links_and_devices_in_a_folder(folder: Path, kind: str) -> None:
    odd = folder / "variables" / "odd"
    if kind == "fifo":
        os.mkfifo(odd)
    else:
        targets = {"file link": "/etc/hostname", "folder link": "/etc", "dangling link": "nowhere"}
        odd.symlink_to(targets[kind])
    with pytest.raises(Refused, match="is a link or no regular file"):
        Foreign(folder)


def test_a_file_that_becomes_a_link_is_not_followed(folder: Path) -> None:
    found = Foreign(folder)
    (folder / "saved_model.pb").unlink()
    (folder / "saved_model.pb").symlink_to("/etc/hostname")
    with pytest.raises(SourceUnreadable, match="cannot read"):
        found.read("saved_model.pb")


def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Refused, match="neither a file nor a folder"):
        Foreign(tmp_path / "fifo")


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="no file, nor the prefix of any"):
        Foreign(tmp_path / "nothing")
    with pytest.raises(SourceMissing, match="an empty folder"):
        Foreign(tmp_path)
    with pytest.raises(NotABundle, match="is a URL"):
        Foreign("https://example.org/model.h5")


def test_a_folder_of_too_many_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 1)
    with pytest.raises(LimitExceeded, match="holds more than 1 files"):
        Foreign(folder)
