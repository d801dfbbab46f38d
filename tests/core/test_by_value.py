from __future__ import annotations

import functools
import json
import os
import pickle
import subprocess
import sys
import threading
import types
import xml.dom
import xml.sax
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from bundlekit import by_value
from bundlekit.errors import BundleWarning, FrameworkMissing, NotRestorable, Unwritable

ACME = '''
from __future__ import annotations

import abc
import concurrent.futures
import dataclasses
import enum
import functools
import typing
from fractions import Fraction

RATE = 3
WORDS = frozenset({"alpha", "beta", "gamma", "delta"})
LOOK = {"x", (2, frozenset({"a", "d", "e", "h"})), (2, frozenset({"b", "c", "f", "g"}))}
T = typing.TypeVar("T")


class Color(enum.Enum):
    RED = 1
    BLUE = "b"


class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


def marked(cls):
    cls.mark = RATE
    return cls


@marked
class Base:
    """A base."""

    tags = {"one", "two", "three", "four"}

    def __init__(self, n: int) -> None:
        self.n = n

    def who(self):
        return "base"

    @property
    def twice(self):
        return 2 * self.n

    @classmethod
    def made(cls):
        return cls(RATE)

    @staticmethod
    def given(x="a value", *, k="another value"):
        return x, k

    @functools.cached_property
    def later(self):
        return self.n + 1


class Child(Base):
    color = Color.BLUE

    def who(self):
        return "child of " + super().who()

    def friend(self):
        return Friend(self)

    def own(self):
        return __class__


class Friend:
    def __init__(self, child):
        self.child = child

    def back(self):
        return Child(1)


class Ratio(Fraction):
    def half(self):
        return self / 2


@dataclasses.dataclass
class Point:
    x: int
    names: list = dataclasses.field(default_factory=list)
    _: dataclasses.KW_ONLY
    label: str = "p"


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...


@Shape.register
class Square: ...


@Shape.register
class Circle: ...


class Box(typing.Generic[T]):
    def get(self) -> T: ...


def fact(n):
    return 1 if n < 2 else n * fact(n - 1)


def known(word):
    return word in {"k1", "k2", "k3", "k4"}, word in WORDS


def adding(offset):
    def add(v, power=functools.partial(pow, 2)):
        return v + offset, power(v)

    return add


add5, add7 = adding(5), adding(7)
loops = [lambda i=i: i for i in range(3)]
cells = [(lambda j: lambda: j)(j) for j in range(3)]


def factory():
    class Inside(Base):
        rate = RATE
        look = LOOK

        def __init__(self):
            super().__init__(1)
            self.b, self.a, self.c = 1, 2, 3

    return Inside


def pool():
    return concurrent.futures.ThreadPoolExecutor.__name__


def here():
    return __file__


def failing():
    raise ValueError("here")


NAMES = (
    "Color", "Right", "Base", "Child", "Friend", "Ratio", "Point", "Shape", "Box", "fact",
    "known", "add5", "add7", "loops", "cells", "factory", "pool", "here", "failing",
)


def used():
    """Do with all of them what users do."""
    Child(2).friend().back(), Base(1).later, [fact(9) for _ in range(3000)], factory()()
    isinstance(3, Shape), Square.__annotations__, Friend.__annotations__, repr(Point(1))
    ~Right.READ, Box[int], Base.made.__annotations__, known("k1")
'''

WRITE = """
import sys, acme
from pathlib import Path
from bundlekit import by_value
if "used" in sys.argv:
    acme.used()
data = by_value.dumps({name: getattr(acme, name) for name in acme.NAMES}, modules=["acme"])
Path(sys.argv[1]).write_bytes(data)
"""

READ = """
import dataclasses, sys
from dataclasses import MISSING
from pathlib import Path
from bundlekit import by_value
globals().update(by_value.loads(Path("code").read_bytes()))
"""


def run(folder: Path, program: str, *arguments: str, seed: int = 0, no_cache: bool = False) -> str:
    """Run a program in a fresh process; give what it printed."""
    done = subprocess.run(
        [sys.executable, *(["-B"] if no_cache else []), "-c", program, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bytes of a module, twice, and without the module."""
    folder = tmp_path_factory.mktemp("code")
    (folder / "acme.py").write_text(ACME)
    run(folder, WRITE, "code", seed=1, no_cache=True)  # compiled now
    run(folder, WRITE, "again", seed=2)
    run(folder, WRITE, "used", "used", seed=3)  # read from the cache
    (folder / "acme.py").rename(folder / "elsewhere")
    return folder


def seen(folder: Path, expression: str) -> Any:
    """Evaluate an expression on the loaded objects in a process that cannot import them."""
    check = "assert 'acme' not in sys.modules; import json"
    return json.loads(run(folder, f"{READ}\n{check}\nprint(json.dumps({expression}))", seed=5))


def test_two_processes_write_the_same_bytes(written: Path) -> None:
    assert (written / "code").read_bytes() == (written / "again").read_bytes()


def test_using_the_code_before_changes_no_byte(written: Path) -> None:
    assert (written / "code").read_bytes() == (written / "used").read_bytes()


def test_cloudpickle_alone_writes_other_bytes_each_time(tmp_path: Path) -> None:
    """If it no longer does, this module has become shorter."""
    (tmp_path / "acme.py").write_text("class Model: ...")
    program = WRITE.replace("acme.NAMES", "['Model']").replace("by_value.dumps(", "plain(")
    plain = "def plain(o, modules): return cloudpickle.dumps(o)\n"
    program = (
        "import cloudpickle, acme\ncloudpickle.register_pickle_by_value(acme)\n" + plain + program
    )
    run(tmp_path, program, "code")
    run(tmp_path, program, "again")
    assert (tmp_path / "code").read_bytes() != (tmp_path / "again").read_bytes()


def test_bytes_name_no_folder(written: Path) -> None:
    data = (written / "code").read_bytes()
    for path in (written, Path.home(), Path(sys.prefix), Path(os.__file__).parent):
        assert str(path).encode() not in data
    assert b"acme.py" not in data


def test_tracebacks_keep_line_numbers(written: Path) -> None:
    program = (
        READ + "import traceback\ntry: failing()\nexcept ValueError: print(traceback.format_exc())"
    )
    line = ACME.splitlines().index('    raise ValueError("here")') + 1
    assert f'File "<bundle>", line {line}, in failing' in run(written, program)


def test_code_that_asks_for_its_file_fails_as_there_is_none(written: Path) -> None:
    program = READ + "try: here()\nexcept NameError as error: print(error)"
    assert run(written, program) == "name '__file__' is not defined"


def test_the_order_of_keys_has_no_influence() -> None:
    first, second = (lambda: 1), (lambda: 2)
    assert by_value.dumps({"a": first, "b": second}) == by_value.dumps({"b": second, "a": first})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("Child(1).who()", "child of base"),
        ("Child(1).friend().back().who()", "child of base"),
        ("Child(1).own() is Child", True),
        ("issubclass(Child, Base)", True),
        ("[Base(4).twice, Child.made().n, Base(4).later]", [8, 3, 5]),
        ("[Base.given(), Base.given(1, k=2)]", [["a value", "another value"], [1, 2]]),
        ("[Base.mark, Base.__doc__, 'two' in Base.tags, len(Base.tags)]", [3, "A base.", True, 4]),
        ("Base.__init__.__annotations__", {"n": "int", "return": "None"}),
        ("[Color(1).name, Color.BLUE.value, Child.color is Color.BLUE]", ["RED", "b", True]),
        ("(Right.READ | Right.WRITE).value", 3),
        ("str(Ratio(1, 2).half())", "1/4"),
        ("repr(Point(1, label='q'))", "Point(x=1, names=[], label='q')"),
        ("[f.default is MISSING for f in dataclasses.fields(Point)]", [True, True, False]),
        ("sorted(Shape.__abstractmethods__)", ["area"]),
        ("[Box[int] is not None, Box.__parameters__[0].__name__]", [True, "T"]),
        ("fact(5)", 120),
        ("[known('k1'), known('alpha')]", [[True, False], [False, True]]),
        ("[add5(1), add7(1)]", [[6, 2], [8, 2]]),
        ("[f() for f in loops + cells]", [0, 1, 2, 0, 1, 2]),
        ("[factory()().rate, factory()().n, len(factory().look)]", [3, 1, 3]),
        ("pool()", "ThreadPoolExecutor"),
    ],
)  # fmt: skip
def test_code_works_where_its_module_is_not(written: Path, expression: str, value: object) -> None:
    assert seen(written, expression) == value


def test_a_script_needs_no_module_to_be_named(tmp_path: Path) -> None:
    write = WRITE.replace("sys, acme", "sys").replace(', modules=["acme"]', "")
    write = write.replace(
        "getattr(acme, name) for name in acme.NAMES", "globals()[name] for name in NAMES"
    )
    (tmp_path / "script.py").write_text(ACME + write)
    for seed, name in enumerate(("code", "again")):
        run(
            tmp_path,
            "import runpy; runpy.run_path('script.py', run_name='__main__')",
            name,
            seed=seed,
        )
    assert (tmp_path / "code").read_bytes() == (tmp_path / "again").read_bytes()
    assert str(tmp_path).encode() not in (tmp_path / "code").read_bytes()
    assert seen(tmp_path, "[Child(1).who(), fact(3), Child.__module__]") == [
        "child of base",
        6,
        "__main__",
    ]


def test_a_package_travels_with_all_below_it_and_modules_that_know_each_other(
    tmp_path: Path,
) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "__init__.py").write_text(
        "NAMES = ['call']\nfrom acme.layers import call\nused = call"
    )
    (tmp_path / "acme" / "layers.py").write_text(
        "import acme\nfrom acme import ops\nRATE = 2\n"
        "def call(): return ops.double(acme.layers.RATE), ops.__name__"
    )
    (tmp_path / "acme" / "ops.py").write_text(
        "import warnings\ndef double(x): warnings.warn('doubled'); return 2 * x"
    )
    run(tmp_path, WRITE, "code", seed=1)
    run(tmp_path, WRITE, "again", "used", seed=2)
    (tmp_path / "acme").rename(tmp_path / "elsewhere")
    assert seen(tmp_path, "call()") == [4, "acme.ops"]
    assert (tmp_path / "code").read_bytes() == (tmp_path / "again").read_bytes()
    for path in (tmp_path, Path(os.__file__).parent):
        assert str(path).encode() not in (tmp_path / "code").read_bytes()


def test_importing_the_module_imports_only_the_standard_library(tmp_path: Path) -> None:
    run(tmp_path, "import bundlekit.by_value, sys; assert 'cloudpickle' not in sys.modules")


class Live:
    """What the tests below pickle."""

    tags = {"a", "b"}

    def who(self) -> str:
        return helper(__class__.__name__)  # type: ignore[name-defined]


def helper(name: str) -> str:
    return name.lower()


@functools.lru_cache
def cached() -> int:
    return 1


def asks_the_cache() -> int:
    return cached()


HERE = (__name__,)
held = threading.Lock()


def holds_a_lock() -> bool:
    return held.locked()


def test_pickling_changes_nothing_that_lives() -> None:
    before = [dict(vars(obj)) for obj in (Live, Live.who, helper)]
    file = Live.who.__code__.co_filename
    by_value.dumps({"Live": Live}, modules=HERE)
    assert [dict(vars(obj)) for obj in (Live, Live.who, helper)] == before
    assert Live.who.__code__.co_filename == file
    assert helper.__globals__["__file__"] == __file__


def test_loading_in_the_process_that_wrote_gives_new_classes() -> None:
    loaded: Any = by_value.loads(memoryview(by_value.dumps({"Live": Live}, modules=HERE)))["Live"]
    assert loaded is not Live
    assert loaded().who() == "live"


def test_whether_equal_constants_are_one_object_has_no_influence() -> None:
    def made(*constants: object) -> object:
        return lambda: constants

    text, again = "some text", "".join(["some ", "text"])
    one: tuple[object, ...] = (text, text.encode(), frozenset([text]))
    other = (again, again.encode(), frozenset([again]))
    assert text is not again
    assert by_value.dumps({"f": made([one, other])}) == by_value.dumps({"f": made([one, one])})


def test_the_order_of_imports_has_no_influence() -> None:
    def parts() -> list[object]:
        return [xml.dom, xml.sax]

    before = by_value.dumps({"parts": parts})
    sys.modules["xml.dom"] = sys.modules.pop("xml.dom")
    assert by_value.dumps({"parts": parts}) == before


def test_modules_that_are_not_named_are_imported() -> None:
    loaded = by_value.loads(by_value.dumps({"Live": Path, "helper": json.dumps}))
    assert loaded == {"Live": Path, "helper": json.dumps}


def test_cloudpickle_forgets_the_modules_also_after_an_error() -> None:
    cloudpickle.register_pickle_by_value(json)
    try:
        by_value.dumps({"Live": Live}, modules=[*HERE, "json"])
        with pytest.raises(Unwritable, match="holds_a_lock"):
            by_value.dumps({"f": holds_a_lock}, modules=HERE)
        with pytest.raises(Unwritable, match="'jso' should travel by value and is not imported"):
            by_value.dumps({"Live": Live}, modules=[*HERE, "jso"])
        assert cloudpickle.list_registry_pickle_by_value() == {"json"}
    finally:
        cloudpickle.unregister_pickle_by_value(json)


def test_threads_do_not_take_modules_from_each_other() -> None:
    expected = by_value.dumps({"Live": Live}, modules=HERE)
    found: list[bytes] = []

    def work() -> None:
        found.extend(by_value.dumps({"Live": Live}, modules=HERE) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert found == [expected] * 80


def test_what_cannot_be_pickled_is_named() -> None:
    with pytest.raises(
        Unwritable, match="code of loss: 'held' of holds_a_lock, as cannot pickle '_thread.lock'"
    ) as caught:
        by_value.dumps({"a": helper, "loss": holds_a_lock}, modules=HERE)
    assert caught.value.key == "loss"  # type: ignore[attr-defined]
    assert isinstance(caught.value.__cause__, TypeError)


class Marker:
    def __reduce__(self) -> str:
        return "marker"


marker = Marker()


def asks_the_marker() -> Any:
    return marker


def test_what_a_reader_could_only_import_is_refused() -> None:
    with pytest.raises(
        Unwritable,
        match="code of f: 'marker' of asks_the_marker.*only be imported by name.* make 'marker'",
    ):
        by_value.dumps({"0.f": asks_the_marker}, modules=HERE)


@functools.lru_cache(maxsize=7, typed=True)
def factorial(number: int) -> int:
    return number * factorial(number - 1) if number else 1


def test_caches_travel_empty_and_around_the_same_function() -> None:
    factorial(5)
    here = {"f": asks_the_cache, "factorial": factorial}
    found: dict[str, Any] = by_value.loads(by_value.dumps(here, modules=HERE))
    assert by_value.dumps(here, modules=HERE) == by_value.dumps(here, modules=HERE)
    assert found["f"]() == 1
    again = found["factorial"]
    assert again is not factorial
    assert again.__wrapped__.__globals__["factorial"] is again
    assert again.cache_parameters() == {"maxsize": 7, "typed": True}
    assert again.cache_info().currsize == 0
    assert again(5) == 120
    imported = by_value.loads(by_value.dumps({"f": asks_the_cache}))
    assert imported["f"] is asks_the_cache


def imports_when_called() -> Any:
    def inner() -> Any:
        from .test_by_value import helper

        return helper

    return inner


def imports_others_when_called() -> Any:
    import json.decoder

    return json.decoder


def test_an_import_inside_of_a_function_that_may_fail_later_is_said() -> None:
    with pytest.warns(BundleWarning, match=f"imports_when_called travels .* imports {__name__} "):
        by_value.dumps({"f": imports_when_called}, modules=HERE)
    by_value.dumps({"f": imports_others_when_called}, modules=HERE)
    # So many constants that their numbers take more than one byte of bytecode.
    many = "\n".join(f"    x = {number}.5" for number in range(70_000))
    scope = {"__name__": __name__, "__package__": "tests.core"}
    exec(f"def long():\n{many}\n    from .test_by_value import helper\n    return helper", scope)
    with pytest.warns(BundleWarning, match=f"long travels .* imports {__name__} "):
        by_value.dumps({"f": scope["long"]}, modules=HERE)


def test_a_script_is_no_module_to_import_from(tmp_path: Path) -> None:
    program = """
import functools
from bundlekit import by_value, errors
class Marker:
    def __reduce__(self):
        return "marker"
marker = Marker()
try:
    by_value.dumps({"f": lambda: marker})
except errors.Unwritable as error:
    print(error)
"""
    assert "and __main__ does not travel as a module" in run(tmp_path, program)


def test_long_chains_of_classes_are_written_as_any() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for i in range(200):
        exec(f"class C{i}:\n    def next(self): return C{i + 1}", namespace)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1234)
    data = by_value.dumps({"first": namespace["C0"]})
    assert sys.getrecursionlimit() == 1234
    sys.setrecursionlimit(limit)
    found: Any = by_value.loads(data)["first"]
    for _ in range(199):
        found = found().next()
    assert found.__name__ == "C199"


@pytest.fixture
def inside() -> Any:
    return sys.modules["cloudpickle.cloudpickle"]


def falls_back() -> None:
    with pytest.warns(BundleWarning, match="other bytes each time and with the names of files"):
        data = by_value.dumps({"Live": Live}, modules=HERE)
    loaded: Any = by_value.loads(data)["Live"]
    assert loaded().who() == "live"


def test_a_cloudpickle_that_renamed_its_functions_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch, inside: Any
) -> None:
    old = inside._make_skeleton_class
    new = types.FunctionType(old.__code__, old.__globals__, "_make_class")
    new.__qualname__, new.__module__ = "_make_class", inside.__name__
    monkeypatch.setattr(inside, "_make_class", new, raising=False)
    monkeypatch.setattr(inside, "_make_skeleton_class", new)
    falls_back()


def test_a_cloudpickle_with_other_identifiers_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch, inside: Any
) -> None:
    monkeypatch.setattr(inside, "_get_or_create_tracker_id", lambda _: None)
    falls_back()


def test_without_cloudpickle_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = by_value.dumps({"f": helper})
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(FrameworkMissing, match=r"pip install cloudpickle"):
        by_value.dumps({"f": helper})
    with pytest.raises(FrameworkMissing, match=r"pip install cloudpickle"):
        by_value.loads(data)


@pytest.mark.parametrize("data", [b"", b"no pickle", pickle.dumps([1]), b"cno_such_module\nf\n."])
def test_bytes_that_do_not_load_are_not_restorable(data: bytes) -> None:
    with pytest.raises(NotRestorable, match="is tied to the Python minor that wrote it"):
        by_value.loads(data)


def test_what_failed_while_loading_is_the_cause() -> None:
    with pytest.raises(NotRestorable, match="No module named 'no_such_module'") as caught:
        by_value.loads(b"cno_such_module\nf\n.")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


class Leaves:
    def __reduce__(self) -> Any:
        return sys.exit, (3,)


def test_code_that_would_end_the_process_does_not() -> None:
    with pytest.raises(NotRestorable, match="did not load: 3"):
        by_value.loads(pickle.dumps({"0.A": Leaves()}))
