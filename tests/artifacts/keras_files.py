"""The recorded files as one archive: packed the same at every time, unpacked safely.

    python -m tests.artifacts.keras_files FOLDER

packs the folders `<writer>/<model>/` of FOLDER, as `make.py` writes them.
"""

from __future__ import annotations

import argparse
import io
import lzma
import sys
import tarfile
from pathlib import Path

ARCHIVE = Path(__file__).with_name("keras_files.tar.xz")
SCRIPT = Path(__file__).with_name("make.py")
"""What wrote the files."""


def unpack(target: Path) -> Path:
    """Unpack the archive into a folder, and give that."""
    with tarfile.open(ARCHIVE, "r:xz") as archive:
        archive.extractall(target, filter="data")
    return target


def packed(folder: Path) -> bytes:
    """Give the tar file of the writers' folders: sorted, and without times, owners and modes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        writers = [path for path in sorted(folder.iterdir()) if path.is_dir()]
        for path in sorted(inner for writer in writers for inner in [writer, *writer.rglob("*")]):
            info = tarfile.TarInfo(path.relative_to(folder).as_posix())
            if path.is_dir():
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            else:
                info.size, info.mode = path.stat().st_size, 0o644
                with path.open("rb") as file:
                    archive.addfile(info, file)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack the recorded files.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    ARCHIVE.write_bytes(lzma.compress(packed(folder), preset=9 | lzma.PRESET_EXTREME))
    sys.stdout.write(f"{ARCHIVE.name}: {ARCHIVE.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
