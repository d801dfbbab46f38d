from __future__ import annotations

import functools
import hashlib
import importlib
import linecache
import subprocess
import sys
import textwrap
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from bundlekit.source_code import digest_of, source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SHAPES = '''
import dataclasses, enum, functools


def kept(thing):
    return thing


def wrapping(func):
    @functools.wraps(func)
    def wrapper(*args):
        return func(*args)

    return wrapper


def plain(x):
    return x + 1  # one more


@wrapping
@kept
def decorated(x):
    return x


@kept
class Model:
    """A docstring.

    More of it.
    """

    rate = 0.5

    class Config:
        def size(self):
            return 3

    @property
    def width(self):
        return 1

    @classmethod
    def made(cls):
        return cls()

    @staticmethod
    def given():
        return 2

    @functools.cached_property
    def later(self):
        return 4

    async def soon(self):
        return 5


@dataclasses.dataclass(slots=True)
class Point:
    x: int = 0


class Tag(str):
    pass


class Color(enum.Enum):
    RED = 1


double, triple = (lambda x: 2 * x), (lambda x: 3 * x)


def local():
    class Inner:
        def who(self):
            return "inner"

    return Inner
'''


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Give a function that writes a module and imports it."""
    monkeypatch.syspath_prepend(tmp_path)
    loaded: list[str] = []

    def load(source: str, name: str = "shapes") -> Any:
        (tmp_path / f"{name}.py").write_bytes(source.encode())
        importlib.invalidate_caches()
        loaded.append(name)
        return importlib.import_module(name)

    yield load
    for name in loaded:
        sys.modules.pop(name, None)


def part(first: str, last: str, source: str = SHAPES) -> str:
    """Cut the lines from `first` to `last` out of the source, dedented."""
    start = source.index(first)
    start = source.rindex("\n", 0, start) + 1
    return textwrap.dedent(source[start : source.index(last, start) + len(last)]) + "\n"


def test_what_a_wrapper_adds_is_shown_where_nothing_is_defined_by_that_name(
    load: Callable[..., Any],
) -> None:
    """`wrapping(plain)` says that it is `plain`, and the text of that alone would hide the rest."""
    module = load(SHAPES)
    both = part("@functools.wraps", "return func(*args)") + "\n\n" + part("def plain", "# one more")
    assert source_of(module.wrapping(module.plain)) == both
    assert digest_of(module.wrapping(module.plain)) != digest_of(module.plain)
    assert source_of(module.decorated) == part("@wrapping", "return x")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("plain", "def plain", "# one more"),
        ("decorated", "@wrapping", "return x"),
        ("Model", "@kept\nclass", "return 5"),
        ("Model.Config", "class Config", "return 3"),
        ("Model.Config.size", "def size", "return 3"),
        ("Model.made", "@classmethod", "return cls()"),
        ("Model.given", "@staticmethod", "return 2"),
        ("Model.soon", "async def soon", "return 5"),
        ("Point", "@dataclasses", "x: int = 0"),
        ("Tag", "class Tag", "pass"),
        ("Color", "class Color", "RED = 1"),
        ("double", "double, triple", "3 * x)"),
    ],
)
def test_definitions_have_their_text(
    load: Callable[..., Any], name: str, first: str, last: str
) -> None:
    found = load(SHAPES)
    for step in name.split("."):
        found = getattr(found, step)
    assert source_of(found) == part(first, last)


def test_local_classes_have_their_text_without_the_indentation(load: Callable[..., Any]) -> None:
    inner = load(SHAPES).local()
    expected = 'class Inner:\n    def who(self):\n        return "inner"\n'
    assert source_of(inner) == expected
    assert source_of(inner().who) == source_of(inner.who)
    assert digest_of(inner) == hashlib.sha256(expected.encode()).hexdigest()


def test_line_ends_and_indentation_do_not_matter(load: Callable[..., Any]) -> None:
    source = (
        'class A:\n    """Doc.\n\n    é\n    """\n\n    def f(self):\n        return """\nx"""\n'
    )
    deeper = "if True:\n" + textwrap.indent(source, "    ").replace("    x", "x")
    modules = {"unix": source, "dos": source.replace("\n", "\r\n"), "deeper": deeper}
    texts = {source_of(load(text, name).A) for name, text in modules.items()}
    assert texts == {source}


def test_of_two_classes_with_one_name_each_has_its_own(load: Callable[..., Any]) -> None:
    first = "class A:\n    def f(self):\n        return 1\n"
    second = "class A:\n    def f(self):\n        return 2\n"
    shapes = load(f"{first}\nfirst = A\n\n{second}")
    assert source_of(shapes.first) == first
    assert source_of(shapes.A) == second


def test_without_methods_only_the_class_that_has_the_name_is_known(
    load: Callable[..., Any],
) -> None:
    shapes = load("class A:\n    x = 1\n\nfirst = A\n\nclass A:\n    x = 2\n")
    assert source_of(shapes.A) == "class A:\n    x = 2\n"
    assert source_of(shapes.first) is None


def test_local_classes_without_methods_are_told_apart_from_python_3_13_on(
    load: Callable[..., Any],
) -> None:
    one, two = "    class A:\n        x = 1\n", "    class A:\n        x = 2\n"
    shapes = load(f"def made():\n{one}    first = A\n{two}    return first, A\n")
    known = sys.version_info >= (3, 13)
    for cls, text in zip(shapes.made(), (one, two), strict=True):
        assert source_of(cls) == (textwrap.dedent(text) if known else None)


def test_private_methods_are_recognized(load: Callable[..., Any]) -> None:
    source = "class _A:\n    def __hidden(self):\n        return 1\n"
    assert source_of(load(source)._A) == source


def test_invalid_escapes_are_not_reported_again(load: Callable[..., Any]) -> None:
    source = 'def f():\n    return "\\d"\n'
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shapes = load(source)
    assert source_of(shapes.f) == source


def test_a_subclass_of_a_wrapper_has_its_own_text(load: Callable[..., Any]) -> None:
    shapes = load("class A:\n    pass\n\nA.__wrapped__ = A\n\nclass B(A):\n    pass\n")
    assert source_of(shapes.B) == "class B(A):\n    pass\n"


def test_code_that_ran_often_still_has_its_text(load: Callable[..., Any]) -> None:
    shapes = load(SHAPES)
    before = source_of(shapes.plain)
    for value in range(20_000):  # Python specializes its bytecode
        shapes.plain(value)
    assert before is not None
    assert source_of(shapes.plain) == before


def test_text_that_was_edited_after_the_import_is_not_taken(
    load: Callable[..., Any], tmp_path: Path
) -> None:
    source = "class A:\n    def f(self):\n        return 1\n\ndef g():\n    return 2\n"
    shapes = load(source)
    (tmp_path / "shapes.py").write_text(source.replace("1", "3"))
    assert source_of(shapes.A) is None
    assert source_of(shapes.g) == "def g():\n    return 2\n"
    (tmp_path / "shapes.py").write_text("def g(:")
    linecache.clearcache()
    assert source_of(shapes.g) is None


def test_text_with_methods_that_the_class_lacks_is_not_taken(
    load: Callable[..., Any], tmp_path: Path
) -> None:
    shapes = load("class A:\n    x = 1\n")
    (tmp_path / "shapes.py").write_text("class A:\n    def f(self): ...\n")
    assert source_of(shapes.A) is None


def test_text_of_a_module_that_was_loaded_again_is_read_again(
    load: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    shapes = load("def f():\n    return 1\n")
    assert source_of(shapes.f) == "def f():\n    return 1\n"
    (tmp_path / "shapes.py").write_text("def f():\n    return 1000\n")
    importlib.reload(shapes)
    assert source_of(shapes.f) == "def f():\n    return 1000\n"


def test_functions_that_pytest_rewrote_have_their_text() -> None:
    def asserting(x: int) -> int:
        assert x > 0
        return x

    text = source_of(asserting)
    assert text is not None
    assert text.startswith("def asserting(x: int) -> int:\n    assert x > 0\n")


def made_by_exec() -> list[object]:
    space: dict[str, Any] = {"__name__": __name__}
    exec("def f(): pass\nclass A:\n    def f(self): pass\nclass B: pass", space)
    return [space["f"], space["A"], space["B"]]


class Odd:
    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


@pytest.mark.parametrize("obj", [len, int, str.join, None, 3, sys, functools.partial(int)])
def test_where_there_is_no_text_there_is_none(obj: object) -> None:
    assert source_of(obj) is None
    assert digest_of(obj) is None


def test_code_made_by_exec_has_no_text() -> None:
    for obj in (*made_by_exec(), type("Model", (), {})):
        assert source_of(obj) is None


def test_odd_objects_raise_nothing(load: Callable[..., Any]) -> None:
    assert source_of(Odd()) is None
    assert source_of(type("A", (Odd,), {"odd": Odd(), "__module__": 3})) is None
    shapes = load("class A:\n    def f(self):\n        return 1\n")
    shapes.A.odd = Odd()
    assert source_of(shapes.A) == "class A:\n    def f(self):\n        return 1\n"


def run(*command: str, cwd: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_scripts_have_text_also_after_they_changed_the_folder(tmp_path: Path) -> None:
    script = """
    import os
    from bundlekit.source_code import source_of

    class A:
        def f(self):
            return 1

    class B:
        x = 1

    os.chdir("/")
    print(ascii(source_of(A)))
    print(ascii(source_of(B)))
    """
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "script.py").write_text(textwrap.dedent(script))
    expected = ["class A:\n    def f(self):\n        return 1\n", "class B:\n    x = 1\n"]
    assert run("folder/script.py", cwd=tmp_path) == [ascii(text) for text in expected]


CELLS = """
import __future__, ast, asyncio, linecache, sys
from bundlekit.source_code import source_of

del sys.modules["__main__"].__file__


def run_cell(number, cell, path=f"{sys.argv[1]}/ipykernel_1/%d.py"):
    name = path % number
    linecache.cache[name] = len(cell), None, cell.splitlines(keepends=True), name
    # As if an earlier cell had `from __future__ import annotations`.
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | __future__.annotations.compiler_flag
    result = eval(compile(cell, name, "exec", flags), vars(sys.modules["__main__"]))
    result and asyncio.run(result)


run_cell(1, '''
class A:
    def f(self):
        return 1

class B:
    x = 1
'''.replace("\\n", "\\r\\n"))
old_a, old_b = A, B
run_cell(2, '''
# again
class A:
    def f(self):
        return 2

class B:
    x = 2
''')
run_cell(3, '''
async def now(): ...
await now()
def g():
    def inner(x: int): ...
h = lambda: 4
''')
for obj in (A, B, old_a, old_b, g, h):
    print(ascii(source_of(obj)))
"""


def test_cells_of_a_notebook_have_text(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").write_text(CELLS)
    assert run("kernel.py", str(tmp_path), cwd=tmp_path) == [
        ascii(text)
        for text in (
            "class A:\n    def f(self):\n        return 2\n",
            "class B:\n    x = 2\n",
            "class A:\n    def f(self):\n        return 1\n",
            None,
            "def g():\n    def inner(x: int): ...\n",
            "h = lambda: 4\n",
        )
    ]


def test_the_module_loads_only_the_standard_library(tmp_path: Path) -> None:
    check = "import bundlekit.source_code, sys; print({'msgspec', 'rich'} & set(sys.modules))"
    assert run("-c", check, cwd=tmp_path) == ["set()"]
