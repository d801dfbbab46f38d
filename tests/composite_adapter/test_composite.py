"""What is plain comes back equal, what is one stays one, and what nobody knows is refused."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

import bundlekit
from bundlekit import MissingCustomObjects, NotRestorable, Trust, Unwritable, travel

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Pair:
    first: Any
    second: Any = None


@dataclass
class Reduced:
    value: int

    def __reduce__(self) -> Any:
        return Reduced, (self.value,)


@dataclass
class Silent:
    """Says that there is nothing to keep, though it could take something back."""

    made_of: list[int] = field(default_factory=list)

    def __getstate__(self) -> None:
        return None

    def __setstate__(self, state: object) -> None:
        raise AssertionError("pickle does not call this for a state of None")


@dataclass
class Picky:
    value: int

    def __setstate__(self, state: object) -> None:
        raise RuntimeError("not today")


class Unknown:
    pass


class Text(str):
    __slots__ = ()


class Wish(Flag):
    FAST = 1
    SMALL = 2


class Open(Enum):
    ONE = 1

    @classmethod
    def _missing_(cls, value: object) -> Open:
        made = object.__new__(cls)
        made._name_, made._value_ = f"other {value}", int(str(value))
        return made


def back(obj: Any, **options: Any) -> Any:
    return bundlekit.unbundle(bundlekit.dumps(obj), **options)


def told(obj: Any) -> Any:
    """Tell types and values exactly, where `==` takes 1 for True and 0.0 for -0.0."""
    if isinstance(obj, dict):
        return type(obj), [(told(key), told(value)) for key, value in obj.items()]
    if isinstance(obj, list | tuple):
        return type(obj), [told(item) for item in obj]
    if isinstance(obj, set | frozenset):
        return type(obj), sorted(repr(told(item)) for item in obj)
    return type(obj), repr(obj)


def unfolded(moment: Any) -> Any:
    return moment.replace(fold=0)  # the other one is refused


values = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.binary()
    | st.text() | st.complex_numbers(allow_nan=False) | st.decimals(allow_nan=False)
    | st.fractions() | st.dates() | st.datetimes().map(unfolded) | st.times().map(unfolded)
    | st.uuids() | st.datetimes(timezones=st.just(UTC)).map(unfolded)
)  # fmt: skip
hashable = st.recursive(
    values, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4
)
structures = st.recursive(
    values | st.sets(hashable, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.dictionaries(st.text(), inner, max_size=3).map(OrderedDict)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=100)
@given(structures)
def test_what_is_plain_comes_back_equal_and_of_the_same_types(structure: Any) -> None:
    found = back([structure])[0]
    assert found == structure
    assert told(found) == told(structure)


@settings(deadline=None, max_examples=50)
@given(structures)
def test_the_same_structure_gives_the_same_bytes_even_once_restored(structure: Any) -> None:
    data = bundlekit.dumps({"held": structure})
    assert bundlekit.dumps({"held": structure}) == data
    assert bundlekit.dumps(bundlekit.unbundle(data)) == data


@settings(deadline=None, max_examples=50)
@given(st.floats(width=64), st.complex_numbers())
def test_numbers_that_equal_nothing_are_kept_too(real: float, pair: complex) -> None:
    assert told(back([real, pair, np.float64(real)])) == told([real, pair, np.float64(real)])


def test_the_order_of_a_set_does_not_depend_on_the_process() -> None:
    code = (
        "import bundlekit; sets = {frozenset({'a', 'b', 'c'}), ('d', frozenset({'e', 'f'})), int, "
        "str}; print(bundlekit.bundle([sets, {'x', 'y', 'z'}]).digest)"
    )
    digests = {run(code, PYTHONHASHSEED=str(seed)) for seed in range(4)}
    assert len(digests) == 1


def test_what_is_one_stays_one() -> None:
    shared, array, pair = [1], np.arange(3), Pair(1)
    found = back({"a": shared, "b": (shared, array), "c": [array, pair], "d": Pair(pair, {3})})
    assert found["a"] is found["b"][0]
    assert found["b"][1] is found["c"][0]
    assert found["c"][1] is found["d"].first


def test_what_is_only_equal_stays_two() -> None:
    found = back([[], [], {}, {}, set(), set(), np.ones(2), np.ones(2), Pair(1), Pair(1)])
    assert len({id(item) for item in found}) == len(found)


def test_circles_stay_circles() -> None:
    ring: list[Any] = []
    table: dict[str, Any] = {"ring": ring}
    pair = Pair(table)
    pair.second = (pair, table)
    ring += [ring, table, pair]
    found = back(ring)
    assert found[0] is found
    assert found[1]["ring"] is found
    assert found[2].first is found[1]
    assert found[2].second[0] is found[2]


def test_no_temporary_object_is_taken_for_another() -> None:
    class Fresh(Pair):
        def __getstate__(self) -> tuple[None, dict[str, Any]]:
            return None, {"first": [self.first], "second": {"at": [self.second]}}

    found = back([Fresh(index, -index) for index in range(50)])
    assert [(one.first, one.second) for one in found] == [
        ([index], {"at": [-index]}) for index in range(50)
    ]


def test_arrays_are_writable_and_in_their_order() -> None:
    columns = np.asfortranarray(np.arange(2000.0).reshape(40, 50))
    found = back({"large": columns, "small": columns[:2, :2], "strided": columns[::3]})
    for name, expected in (("large", columns), ("strided", columns[::3])):
        np.testing.assert_array_equal(found[name], expected)
    assert found["large"].flags.f_contiguous
    found["large"][0, 0] = found["small"][0, 0] = 7


def test_large_arrays_are_members_and_small_ones_are_not() -> None:
    bundle = bundlekit.bundle({"small": np.ones(4), "large": np.ones(1000)})
    paths = [member.path for member in bundle.manifest.members]
    assert paths == ["arrays/0.npy", "tree.json"]


def test_a_path_that_opens_files_is_one_again_and_a_pure_one_is_not() -> None:
    found = back([Path("a/b"), PurePosixPath("a/b")])
    assert [type(path) for path in found] == [type(Path("a/b")), PurePosixPath]


def test_several_flags_at_once_are_kept() -> None:
    assert back([Wish.FAST | Wish.SMALL, Wish.FAST, Wish(0)]) == [Wish(3), Wish.FAST, Wish(0)]


def test_a_state_of_none_is_not_given_back() -> None:
    found = back([Silent([1])])[0]
    assert type(found) is Silent
    assert vars(found) == {}


def test_a_class_that_does_not_take_its_state_back_is_named_with_its_error() -> None:
    data = bundlekit.dumps({"picky": Picky(1)})
    with pytest.raises(NotRestorable, match="made again: RuntimeError: not today"):
        bundlekit.unbundle(data)


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


UNWRITABLE: dict[str, tuple[Any, str]] = {
    "lambda": ({"f": [lambda x: x]}, r"a lambda at \['f'\]\[0\]"),
    "class": ({"a": [1, Unknown()]}, r"what is at \['a'\]\[1\] is of tests\S+\.Unknown, which nob"),
    "field": ([Pair(0, Unknown())], r"what is at \[0\]\.second is of \S+Unknown, which nobody kno"),
    "key": ({Unknown(): 1}, r"what is at \.key is of \S+Unknown, which nobody knows"),
    "defaultdict": ({"d": defaultdict(list)}, r"at \['d'\] is of collections\.defaultdict, which"),
    "outermost": (defaultdict(list), r"the object is of collections\.defaultdict, which nobody"),
    "objects": ({"a": np.array([None])}, r"what is at \['a'\] is an array of objects; use a list"),
    "reduce": ([Reduced(1)], r"what is at \[0\] is of \S+Reduced, whose __reduce__ is its own; re"),
    "text": ({"t": Text("x")}, r"what is at \['t'\] is of \S+Text, which nobody knows"),
    "method": ([[].append], r"what is at \[0\] is of builtins\.builtin_function_or_method"),
    "enum": ([Open(7)], r"what is at \[0\] is <Open.other 7: 7>, which its class does not list"),
    "digits": ([10**5000], "a number in it has too many digits: Exceeds the limit"),
    "fraction": ([Fraction(1, 10**5000)], r"at \[0\] is of fractions\.Fraction, which nobody"),
    "surrogate": (["\ud800"], "a text in it is not Unicode: 'utf-8' codec can't encode"),
    "surrogate key": ({"\ud800": 1}, "a text in it is not Unicode"),
    "zone": ([datetime(2024, 1, 1, tzinfo=ZoneInfo("UTC"))], r"at \[0\] is of datetime\.datetime"),
    "fold": ([datetime(2024, 10, 27, 2, fold=1)], r"what is at \[0\] is of datetime\.datetime"),
    "dtype of rows": ([np.dtype(("f4", (3,)))], r"what is at \[0\] is of numpy\.dtypes\.VoidDType"),
    "subclass": ([np.ma.array([1])], r"what is at \[0\] is of numpy\.ma\.MaskedArray"),
    "depth": (nested(199), r"no reader would accept it: tree\.json is nested deeper than 400"),
    "great depth": (nested(5000), "the list is nested too deep to be stored"),
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_what_could_not_come_back_is_refused_with_its_place(name: str) -> None:
    obj, expected = UNWRITABLE[name]
    with pytest.raises(Unwritable, match=expected):
        bundlekit.dumps(obj)


def test_a_dtype_that_numpy_writes_as_raw_bytes_is_refused() -> None:
    kind = pytest.importorskip("ml_dtypes").bfloat16
    for held in (np.ones(3, kind), kind(1)):
        with pytest.raises(Unwritable, match=r"at \['w'\] is of the dtype bfloat16, which numpy's"):
            bundlekit.dumps({"w": held})
    with pytest.raises(Unwritable, match=r"at \['w'\] is of numpy\.dtype\[bfloat16\], which nobo"):
        bundlekit.dumps({"w": np.dtype(kind)})


def test_as_deep_as_it_is_written_it_is_read() -> None:
    deepest = nested(198)
    assert repr(back(deepest)) == repr(deepest)


def test_a_handle_comes_back_as_a_handle_of_the_very_object() -> None:
    scaler = StandardScaler().fit([[0.0], [2.0]])
    handle = bundlekit.portable(scaler)
    bundle = bundlekit.bundle({"handle": handle, "scaler": scaler, "again": [handle]})
    found = bundlekit.unbundle(bundle)
    assert list(bundle.manifest.parts) == ["handle"]
    assert repr(found["handle"]).startswith("<portable sklearn.preprocessing")
    assert found["handle"].live is found["scaler"]
    assert found["again"][0] is found["handle"]


def run(code: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


MARKED = """
import os
from dataclasses import dataclass

os.environ["MARK"] = "imported"

@dataclass
class Held:
    value: object

def double(x):
    return 2 * x
"""
READ = """
import os, sys
import bundlekit
path, site, *trust = sys.argv[1:]
sys.path.insert(0, site)
try:
    found = bundlekit.load(path, trust=trust)
    print("found", found["held"].value[0](21), os.environ["MARK"])
except bundlekit.MissingCustomObjects as error:
    print([need.reference for need in error.missing], error.trust, "MARK" in os.environ)
"""


@pytest.fixture
def marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Bundle an object of a module that leaves a mark when it is imported."""
    (tmp_path / "acme_marked.py").write_text(MARKED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MARK", "")  # so that it is put back whoever imports
    import acme_marked  # type: ignore[import-not-found]

    monkeypatch.delenv("MARK")
    held = acme_marked.Held([acme_marked.double])
    bundlekit.dump({"held": held}, tmp_path / "held.bundle")
    del sys.modules["acme_marked"]
    return tmp_path


def test_own_classes_take_trust_and_nothing_is_imported_before(marked: Path) -> None:
    names = ("acme_marked:Held", "acme_marked:double")
    refused = run(READ, str(marked / "held.bundle"), str(marked))
    assert refused.strip() == f"{list(names)} {names} False"
    one = run(READ, str(marked / "held.bundle"), str(marked), names[0])
    assert one.strip() == f"{list(names[1:])} {names[1:]} False"
    assert (
        run(READ, str(marked / "held.bundle"), str(marked), *names).strip() == "found 42 imported"
    )


def test_own_classes_may_be_given(marked: Path) -> None:
    import acme_marked  # once more: these are not the classes that were bundled

    given = {"Held": acme_marked.Held, "acme_marked:double": acme_marked.double}
    found = bundlekit.load(marked / "held.bundle", custom_objects=given)
    assert type(found["held"]) is acme_marked.Held
    assert found["held"].value == [acme_marked.double]


def scaling(factor: int) -> tuple[Callable[[int], int], type[Any]]:
    def scaled(x: int) -> int:
        return factor * x

    @dataclass
    class Scaled:
        value: int

        def now(self) -> int:
            return factor * self.value

    return scaled, Scaled


ELSEWHERE = """
import sys
import bundlekit
found = bundlekit.load(sys.argv[1], trust=bundlekit.Trust(code=True))
print([one(5) for one in found["functions"]], [one.now() for one in found["objects"]])
"""


def test_two_of_one_qualified_name_stay_two(tmp_path: Path) -> None:
    (double, Double), (triple, Triple) = scaling(2), scaling(3)  # noqa: N806 - they are classes
    obj = {"functions": [double, triple], "objects": [Double(1), Triple(1), Double(7)]}
    here = back(obj)
    assert here["functions"] == [double, triple]
    assert [type(one) for one in here["objects"]] == [Double, Triple, Double]
    bundlekit.dump(obj, tmp_path / "two.bundle")
    assert run(ELSEWHERE, str(tmp_path / "two.bundle")).strip() == "[10, 15] [2, 3, 14]"


def test_two_that_are_keys_in_the_same_place_are_told_apart() -> None:
    (double, _), (triple, _) = scaling(2), scaling(3)
    found = back({(1,): double, (2,): triple, (3,): double})
    assert list(found.values()) == [double, triple, double]


def test_code_by_value_does_not_run_without_trust(tmp_path: Path) -> None:
    bundlekit.dump([scaling(2)[0]], tmp_path / "code.bundle")
    code = "import bundlekit, sys; bundlekit.load(sys.argv[1])"
    with pytest.raises(AssertionError, match="its code is in the artifact, and not trusted"):
        run(code, str(tmp_path / "code.bundle"))


REGISTERED = """
class Holder:
    def __init__(self, **fields):
        self.__dict__["fields"] = fields
        self.__dict__["guard"] = lambda: None  # nobody could store it


class HolderAdapter:
    name = "holder"
    version = 1
    reads = (1,)
    types = ("acme_holder.Holder",)
    default = True
    deterministic = True
    pack_options = ()
    unpack_options = ()

    def pack(self, obj, out, options):
        from bundlekit.adapter import Description

        out.part("fields", dict(obj.fields))
        return Description(kind="holder")

    def audit(self, payload):
        return ()

    def unpack(self, payload, context):
        return Holder(**context.restore(payload.parts["fields"]))
"""


def test_a_third_party_says_how_its_class_is_taken_apart(install: Callable[..., Path]) -> None:
    points = {"holder": "acme_holder:HolderAdapter"}
    install("acme-holder", "acme_holder", REGISTERED, points)
    import acme_holder  # type: ignore[import-not-found]

    scaler = StandardScaler().fit([[0.0], [4.0]])
    holder = acme_holder.Holder(scaler=scaler, limits=(0, 1))
    found = back({"one": holder, "again": [holder], "at": date(2024, 1, 1)})
    assert type(found["one"]) is acme_holder.Holder
    assert found["again"] == [found["one"]]
    assert found["one"].fields["limits"] == (0, 1)
    assert found["one"].fields["scaler"].mean_ == [2.0]


def test_in_a_process_that_has_not_bundled_it_a_local_class_takes_trust(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = bundlekit.dumps({"local": scaling(4)[1](1)})
    monkeypatch.setattr(travel, "_bundled_here", {})
    with pytest.raises(MissingCustomObjects, match="its code is in the artifact, and not trusted"):
        bundlekit.unbundle(data)
    found = bundlekit.unbundle(data, trust=Trust(code=True))["local"]
    assert (type(found).__name__, found.now()) == ("Scaled", 4)


def test_decimals_are_told_whatever_their_context() -> None:
    found = back([Decimal("1E+30"), Decimal("0.000"), Decimal("-0"), Decimal("sNaN")])
    assert [str(one) for one in found] == ["1E+30", "0.000", "-0", "sNaN"]
