"""Real plug-ins on disk, installed by being on `sys.path`, and small objects to bundle."""

from __future__ import annotations

import sys
import textwrap
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

import bundlekit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Install = "Callable[..., Path]"

ACME = '''
class FractionAdapter:
    name = "fraction"
    version = 2
    reads = (1, 2)
    types = ("fractions.Fraction",)
    default = True
    deterministic = True
    pack_options = ("exact",)
    unpack_options = ("negate",)

    def pack(self, obj, out, options):
        from bundlekit.adapter import Description

        out.add_json("fraction.json", [obj.numerator, obj.denominator])
        out.add("blob.bin", b"\\x00" * 1000, tensors=True)
        return Description(kind="fraction", environment={"fractions": "1"})

    def audit(self, payload):
        return ()

    def unpack(self, payload, context):
        from fractions import Fraction

        found = Fraction(*payload.json("fraction.json"))
        return -found if context.options.get("negate") else found


class SpacesAdapter:
    """A composite: it stores the objects of a namespace as parts."""

    name = "space"
    version = 1
    reads = (1,)
    types = ("types.SimpleNamespace",)
    default = True
    deterministic = True
    pack_options = ()
    unpack_options = ()

    def pack(self, obj, out, options):
        from bundlekit.adapter import Description

        for name, value in vars(obj).items():
            out.part(name, value)
        return Description(kind="namespace")

    def audit(self, payload):
        return ()

    def unpack(self, payload, context):
        from types import SimpleNamespace

        parts = payload.parts.items()
        return SimpleNamespace(**{name: context.restore(part) for name, part in parts})
'''
ACME_POINTS = {
    "fraction": "acme_bundle:FractionAdapter",
    "space": "acme_bundle:SpacesAdapter",
}


ARRAYS = """
class ArraysAdapter:
    name = "arrays"
    version = 1
    reads = (1,)
    types = ("collections.UserDict",)
    default = True
    deterministic = True
    pack_options = ()
    unpack_options = ("parts", "into", "fail")

    def pack(self, obj, out, options):
        from bundlekit.adapter import Description, Pieces, Tensor

        index, buffers, offset = [], [b"head"], 4
        for name, value in obj.items():
            fill = -offset % 64
            buffers += [bytes(fill), value, b"|"]
            offset += fill
            index.append(Tensor(path=name, member="arrays.bin", dtype="uint8",
                                shape=(len(value),), offset=offset, size=len(value)))
            offset += len(value) + 1
        out.add("arrays.bin", Pieces(buffers), tensors=index)
        out.add_json("names.json", list(obj))
        return Description(kind="arrays")

    def audit(self, payload):
        payload.json("names.json")
        return ()

    def unpack(self, payload, context):
        from collections import UserDict

        names = context.options.get("parts", payload.json("names.json"))
        found = UserDict({name: payload.tensor(name) for name in names})
        if context.options.get("fail"):
            raise ValueError("the framework has failed")
        return found

    def deep(self, payload):
        from bundlekit.errors import Damaged

        data = payload.read("arrays.bin")
        for one in payload.part.tensors:
            if data[one.offset + one.size] != ord("|"):
                raise Damaged(f"{one.path} does not end where the index says")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Give a function that installs a distribution with entry points and one module."""

    def install(
        distribution: str,
        module: str,
        source: str,
        points: dict[str, str],
        version: str = "1.0",
    ) -> Path:
        site = tmp_path / "site" / distribution
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        (info / "METADATA").write_text(f"Name: {distribution}\nVersion: {version}\n")
        lines = [f"{name} = {target}" for name, target in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[bundlekit.adapters]", *lines]))
        monkeypatch.syspath_prepend(site)
        modules.append(module)
        return site

    modules: list[str] = []
    yield install
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def acme(install: Callable[..., Path]) -> Path:
    """Install the distribution acme-bundle, which bundles fractions and namespaces of them."""
    return install("acme-bundle", "acme_bundle", ACME, ACME_POINTS, version="3.1")


@pytest.fixture
def arrays(install: Callable[..., Path]) -> Path:
    """Install a distribution that bundles `UserDict` of bytes as tensors of an index."""
    return install("arrays", "arrays_bundle", ARRAYS, {"arrays": "arrays_bundle:ArraysAdapter"})


@pytest.fixture
def half(acme: Path) -> bundlekit.Bundle:
    """Give a small real bundle."""
    return bundlekit.bundle(Fraction(1, 2), metadata={"run": 7})
