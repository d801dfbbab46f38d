"""Everything that is needed is found, in one order, or all that is missing is said at once."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundlekit import Trust, by_value, travel
from bundlekit.adapter import CustomObject, Known, Need
from bundlekit.errors import (
    AmbiguousCustomObject,
    BundleWarning,
    InvalidCustomObject,
    MissingCustomObjects,
    Refused,
)
from bundlekit.missing import trust_lines
from bundlekit.resolution import Asked, resolve

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("A", "B", "C", "D")
ROUTES = ("given", "scoped", "bundled", "registered", "import", "code")


def need(name: str, **more: Any) -> Need:
    fields = {
        "class_name": name,
        "module": f"mod{name}",
        "qualname": name,
        "where": (f"at.{name}",),
    }
    return Need(name=f"acme>{name}", **{**fields, **more})


def asked(*needs: Need, **known: Any) -> Asked:
    return Asked(needs=needs, known=lambda: Known(**known))


def cls(name: str, route: str, module: str | None = None) -> type:
    return type(name, (), {"__module__": module or f"from_{route}", "route": route})


@given(st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(ROUTES))))
def test_each_is_found_by_the_first_route_and_exactly_the_missing_are_listed(
    routes: dict[str, set[str]],
) -> None:
    here = pytest.MonkeyPatch()
    try:
        here.setattr(travel, "_bundled_here", {})
        carried = {f"0.{n}": cls(n, "code", "__main__") for n in routes if "code" in routes[n]}
        code = by_value.dumps(carried) if carried else None
        needs = [
            need(n, code=f"0.{n}" if "code" in routes[n] else None, kind="object") for n in routes
        ]
        for one in needs:
            if "bundled" in routes[one.class_name]:
                key = travel._key(one, code)
                travel._bundled_here[key] = cls(one.class_name, "bundled")
            if "import" in routes[one.class_name]:
                module = ModuleType(str(one.module))
                found = cls(one.class_name, "import", one.module)
                setattr(module, one.class_name, found)
                here.setitem(sys.modules, str(one.module), module)
        part = Asked(
            needs=tuple(needs),
            known=lambda: Known(
                scoped={f"acme>{n}": cls(n, "scoped") for n in routes if "scoped" in routes[n]},
                registered={
                    f"acme>{n}": cls(n, "registered") for n in routes if "registered" in routes[n]
                },
            ),
            code=code,
        )
        given = {n: cls(n, "given") for n in routes if "given" in routes[n]}
        imports = [f"mod{n}" for n in routes if "import" in routes[n]]
        missing = {f"acme>{n}" for n, ways in routes.items() if not ways}
        trust = Trust(imports=imports, code=True)
        if missing:
            with pytest.raises(MissingCustomObjects, match="were not found") as refusal:
                resolve([part], given, trust)
            assert {one.name for one in refusal.value.missing} == missing
            assert len(refusal.value.reasons) == len(missing)
        else:
            (objects,) = resolve([part], given, trust)
            for one in needs:
                first = next(way for way in ROUTES if way in routes[one.class_name])
                assert objects[one].route == first  # type: ignore[attr-defined]
    finally:
        here.undo()


def missing(*parts: Asked, trust: Any = None, **given: Any) -> MissingCustomObjects:
    with pytest.raises(MissingCustomObjects, match="were not found") as refusal:
        resolve(parts, given, Trust.of(trust))
    return refusal.value


def test_one_error_lists_all_of_all_parts_with_the_lines_that_would_do() -> None:
    first = need("A", distribution="acme", version="1.2", kind="layer")
    second = need("B", kind="loss", where=tuple(f"x[{n}]" for n in range(9)))
    error = missing(asked(first), asked(second, first), C=cls("C", "given"))
    assert error.missing == (first, second)
    text = str(error)
    assert (
        "\n  acme>A, layer from modA:A of acme 1.2 (by reference), used at at.A: not trusted"
        in text
    )
    assert "used at x[0], x[1], x[2], x[3], x[4] and 4 more" in text
    assert '\npass custom_objects={"A": A, "B": B}\n' in text
    assert text.endswith('trust=["modA:A", "modB:B"]')
    assert (error.custom_objects, error.trust, error.code) == (
        ("A", "B"),
        ("modA:A", "modB:B"),
        False,
    )


@pytest.mark.parametrize("kinds", ["A", "B", "C", "AB", "AC", "BC", "BD", "D", "AD", "ABCD", "L"])
def test_every_line_that_it_prints_does(kinds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By reference (A), by value from a module (B) or a script (C), from nowhere (D), a lambda."""
    for name in "AB":
        module = ModuleType(f"mod{name}")
        setattr(module, name, cls(name, "import", f"mod{name}"))
        monkeypatch.setitem(sys.modules, f"mod{name}", module)
    carried = {f"0.{name}": cls(name, "code", "__main__") for name in "BC"} | {"0.L": _twice}
    every = {
        "A": need("A"),
        "B": need("B", code="0.B"),
        "C": need("C", module="__main__", code="0.C"),
        "D": need("D", module=None),
        "L": need("L", module="__main__", qualname="<lambda>", kind="lambda", code="0.L"),
    }
    part = asked(*(every[kind] for kind in kinds))
    part = replace(part, code=by_value.dumps(carried))
    error = missing(part)
    *_, reasons = str(error).split("not found:")
    lines = [line for line in reasons.splitlines() if line and not line.startswith("  ")]
    assert lines
    scope = {"Trust": Trust, **{name: cls(name, "given") for name in "ABCD"}}
    for line in lines:
        found = re.search(r"(custom_objects|trust)=.*", line)
        assert found
        given = eval(f"dict({found[0].replace(' and ', ', ')})", scope)
        (objects,) = resolve([part], given.get("custom_objects", {}), Trust.of(given.get("trust")))
        assert len(objects) == len(kinds)
    if kinds not in ("D", "AD", "BD", "ABCD"):
        assert resolve([part], {}, Trust(imports=error.trust, code=error.code))
    if kinds == "L":
        assert len(lines) == 1
        assert "custom_objects" not in lines[0]
    assert len(lines) == 1 + (set(kinds) != {"D"}) + ("B" in kinds) - (kinds == "L")


def _twice(x: int) -> int:
    return 2 * x


def test_no_trust_is_advised_that_would_not_do() -> None:
    error = missing(asked(need("A", module="no_such_module")), trust=["no_such_module"])
    assert str(error).endswith('\npass custom_objects={"A": A}')
    assert (error.trust, error.code) == ((), False)
    error = missing(asked(need("A", module="no_such_module"), need("B")), trust=["no_such_module"])
    assert str(error).endswith('trust=["no_such_module", "modB:B"]')


def test_what_is_trusted_already_stays_in_the_line() -> None:
    error = missing(asked(need("A"), need("B")), trust=["modB"])
    assert str(error).endswith('trust=["modB", "modA:A"]')
    assert trust_lines([]) == []


def test_where_something_is_missing_nothing_is_imported_and_nothing_run(tmp_path: Path) -> None:
    (tmp_path / "mod_marker.py").write_text("import sys; sys.marked = True\nclass A: pass\n")
    here = pytest.MonkeyPatch()
    here.syspath_prepend(tmp_path)
    wanted = need("A", module="mod_marker")
    try:
        missing(asked(wanted, need("B")), trust=["mod_marker"])
        assert "mod_marker" not in sys.modules
        assert resolve([asked(wanted)], {}, Trust.of(["mod_marker"]))[0][wanted].__name__ == "A"  # type: ignore[attr-defined]
        assert sys.marked  # type: ignore[attr-defined]
    finally:
        here.undo()
        sys.modules.pop("mod_marker", None)


@pytest.mark.parametrize("key", ["0.A", "modA:A", "acme>A", "A"])
def test_every_name_of_an_object_is_good_for_giving_it(key: str) -> None:
    one = need("A", code="0.A")
    assert key in one.keys
    assert resolve([asked(one)], {key: str}, Trust()) == [{one: str}]


def test_a_class_registered_under_another_name_is_given_by_either() -> None:
    one = need("A", class_name="Original")
    for key in ("A", "Original"):
        assert resolve([asked(one)], {key: str}, Trust()) == [{one: str}]


class TestOneNameForTwo:
    FIRST = need("A")
    SECOND = Need(name="A", class_name="A", module="two", qualname="A", where=("b",))
    THIRD = Need(name="A", class_name="A", module="modA", qualname="A", where=("c",))

    def test_a_plain_name_that_fits_both_is_an_error_that_names_both(self) -> None:
        with pytest.raises(
            AmbiguousCustomObject, match="'A', which fits 2 .*modA:A, at at.A; .*two:A, at b; give"
        ) as refusal:
            resolve([asked(self.FIRST), asked(self.SECOND)], {"A": str}, Trust())
        assert refusal.value.needs == (self.FIRST, self.SECOND)  # type: ignore[attr-defined]

    def test_more_exact_names_tell_them_apart(self) -> None:
        for objects in ({"modA:A": int, "two:A": str}, {"acme>A": int, "A": str}):
            (found,) = resolve([asked(self.FIRST, self.SECOND)], objects, Trust())
            assert found == {self.FIRST: int, self.SECOND: str}

    def test_a_scope_or_registry_does_only_with_the_very_class(self) -> None:
        other, right = cls("A", "x", "three"), cls("A", "x", "two")
        error = missing(asked(self.SECOND, self.THIRD, registered={"A": other}))
        assert len(error.missing) == 2
        error = missing(asked(self.SECOND, self.THIRD, scoped={"A": right}))
        assert [one.module for one in error.missing] == ["modA"]


class TestARegisteredNameForAPlainOne:
    """Older files give the plain name of what is registered in a package."""

    ONE = Need(name="A", class_name="A", module="__main__", qualname="A", where=("a",))
    OTHER = Need(name="A", class_name="A", module="two", qualname="A", where=("b",))

    def test_it_is_good_for_giving_it(self) -> None:
        assert resolve([asked(self.ONE)], {"acme>A": str}, Trust()) == [{self.ONE: str}]

    def test_of_two_packages_neither_is_meant(self) -> None:
        with pytest.raises(MissingCustomObjects, match="A, object from __main__:A"):
            resolve([asked(self.ONE)], {"acme>A": str, "other>A": int}, Trust())

    def test_of_two_that_are_needed_neither_is_it(self) -> None:
        with pytest.raises(MissingCustomObjects, match="A, object from"):
            resolve([asked(self.ONE, self.OTHER)], {"acme>A": str}, Trust())

    def test_a_registry_does_not_speak_for_another_module(self) -> None:
        error = missing(asked(self.ONE, registered={"acme>A": cls("A", "x", "three")}))
        assert error.missing == (self.ONE,)

    def test_a_class_of_another_module_is_not_it(self) -> None:
        plain = Need(name="A", class_name="A", module="plain", qualname="A", where=("c",))
        right = cls("A", "x", "beta")
        with pytest.raises(MissingCustomObjects, match="A, object from plain:A"):
            resolve([asked(plain)], {"beta>A": right}, Trust())
        both = Need(name="beta>A", class_name="A", module="__main__", qualname="A", where=("d",))
        with pytest.raises(MissingCustomObjects, match="A, object from __main__:A"):
            resolve([asked(self.ONE, both)], {"beta>A": right}, Trust())


@pytest.mark.parametrize(("kind", "given"), [("layer", len), ("layer", 3), ("function", 3)])
def test_what_is_given_must_be_a_class_or_a_function(kind: str, given: Any) -> None:
    with pytest.raises(InvalidCustomObject, match="needs a (class|function) there") as refusal:
        resolve([asked(need("A", kind=kind))], {"A": given}, Trust())
    assert refusal.value.found is given  # type: ignore[attr-defined]


class TestImports:
    def check(self, module: str, qualname: str, trust: Any) -> Any:
        one = need("A", module=module, qualname=qualname, kind="function")
        return resolve([asked(one)], {}, Trust.of(trust))[0][one]

    def test_what_a_trusted_module_took_from_elsewhere_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "mod_taking.py").write_text("from json import loads\n")
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(Refused, match=r"glob:os is trusted, and is the module os,"):
            self.check("glob", "os", ["glob"])
        with pytest.raises(Refused, match=r"glob:os\.getcwd is trusted, and is the module os,"):
            self.check("glob", "os.getcwd", ["glob"])
        with pytest.raises(Refused, match=r"another module that is not trusted"):
            self.check("mod_taking", "loads", ["mod_taking"])

    def test_a_module_that_is_trusted_and_missing_says_why(self) -> None:
        error = missing(asked(need("A", module="no_such_module")), trust=["no_such_module"])
        assert "is trusted and could not be imported: No module named" in error.reasons[0]
        error = missing(asked(need("A", module="glob")), trust=["glob"])
        assert "has no attribute 'A'" in error.reasons[0]

    def test_a_module_that_fails_while_it_is_imported_says_why(self, tmp_path: Path) -> None:
        (tmp_path / "mod_broken.py").write_text("1 / 0\n")
        here = pytest.MonkeyPatch()
        here.syspath_prepend(tmp_path)
        error = missing(asked(need("A", module="mod_broken")), trust=["mod_broken"])
        here.undo()
        assert "could not be imported: division by zero" in error.reasons[0]

    def test_what_registers_under_the_name_is_taken_where_the_attribute_is_gone(self) -> None:
        moved = cls("Moved", "x", "glob")
        part = asked(need("A", module="glob"), registered={"acme>A": moved})
        one = part.needs[0]
        assert resolve([part], {}, Trust.of(["glob"])) == [{one: moved}]


class TestCode:
    def part(self, python: str | None = None) -> Asked:
        code = by_value.dumps({"0.A": cls("A", "code", "__main__")})
        one = need("A", module="__main__", code="0.A")
        return Asked(needs=(one,), known=Known, code=code, python=python)

    def test_runs_only_if_trusted(self) -> None:
        part = self.part()
        assert "its code is in the artifact, and not trusted" in missing(part).reasons[0]
        assert resolve([part], {}, Trust(code=True))[0][part.needs[0]].route == "code"  # type: ignore[attr-defined]

    def test_of_another_python_is_not_run(self) -> None:
        error = missing(self.part("2.7.18"), trust=Trust(code=True))
        assert "its code is for Python 2.7, and this is 3." in error.reasons[0]

    def test_that_is_not_there_is_missing(self) -> None:
        part = self.part()
        other = need("B", module="__main__", code="1.B")
        error = missing(Asked(needs=(other,), known=Known, code=part.code), trust=Trust(code=True))
        assert error.reasons == ("its code is not in the artifact",)

    def test_lambdas_in_a_config_are_refused_all_at_once(self) -> None:
        lambdas = [Need(name="<lambda>", kind="lambda", where=(place,)) for place in "ab"]
        with pytest.raises(Refused, match=r"a lambda at a, b: .*Trust\(code=True\)"):
            resolve([asked(*lambdas, need("A"))], {}, Trust())
        assert resolve([asked(*lambdas)], {}, Trust(code=True)) == [{}]


class TestOperations:
    OPS = tuple(Need(name=n, kind="op", where=(f"function {n}",)) for n in ("PrintV2", "ReadFile"))

    def test_all_that_are_not_trusted_are_refused_with_the_line_that_would_do(self) -> None:
        trust = Trust(["acme"], ops=["Other"])
        with pytest.raises(Refused, match="PrintV2, in function PrintV2") as caught:
            resolve([asked(*self.OPS, need("A"))], {}, trust)
        line = 'trust=Trust(imports=["acme"], ops=["Other", "PrintV2", "ReadFile"])'
        assert str(caught.value).endswith(line)
        assert caught.value.ops == ("PrintV2", "ReadFile")  # type: ignore[attr-defined]

    def test_those_that_are_trusted_need_nothing_else(self) -> None:
        trust = Trust(ops=["PrintV2", "ReadFile"])
        assert resolve([asked(*self.OPS)], {"PrintV2": print}, trust) == [{}]
        with pytest.raises(Refused, match=r'pass trust=Trust\(ops=\["PrintV2", "ReadFile"\]\)'):
            resolve([asked(*self.OPS)], {}, Trust(ops=["PrintV2"]))

    def test_code_and_names_do_not_allow_them(self) -> None:
        with pytest.raises(Refused, match="PrintV2"):
            resolve([asked(*self.OPS)], {}, Trust(["PrintV2"], code=True))


class TestOptional:
    """What something less can be restored without is left out, and said."""

    def test_it_is_left_out(self) -> None:
        kinds = {"A": "layer", "<lambda>": "lambda", "PrintV2": "op"}
        wanted = [
            Need(name=name, kind=kind, where=("x",), optional=True) for name, kind in kinds.items()
        ]
        (found,) = resolve([asked(*wanted)], {}, Trust())
        assert found == {}
        assert {one.name for one in found.missing} == set(kinds)
        trust = Trust(code=True, ops=["PrintV2"])
        (found,) = resolve([asked(*wanted)], {"A": str}, trust)
        assert found == {wanted[0]: str}
        assert found.missing == ()

    def test_beside_it_the_rest_is_needed(self) -> None:
        spare = Need(name="A", optional=True)
        assert missing(asked(spare, need("B"))).custom_objects == ("B",)


def test_of_thousands_that_are_missing_all_are_listed() -> None:
    needs = [need(f"A{number}", module="acme" * 50) for number in range(5_000)]
    error = missing(asked(*needs))
    assert len(error.missing) == len(error.custom_objects) == 5_000
    assert len(str(error)) < 21_000
    assert "characters…]" in str(error)


def test_an_import_that_ends_the_process_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mod_leaving.py").write_text("raise SystemExit\n")
    monkeypatch.syspath_prepend(tmp_path)
    error = missing(asked(need("A", module="mod_leaving")), trust=["mod_leaving"])
    assert "mod_leaving is trusted and could not be imported: SystemExit" in error.reasons[0]


def test_a_refusal_shows_nothing_of_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mod_secret.py").write_text("KEY = 'hunter2'\ndef f(): pass\nX = (KEY,)\n")
    monkeypatch.syspath_prepend(tmp_path)
    for qualname, what in (("f.__globals__", "a dict"), ("X", "a tuple")):
        one = need("A", module="mod_secret", qualname=qualname, kind="function")
        with pytest.raises(Refused, match=f"is trusted, and is {what}, which lives") as refusal:
            resolve([asked(one)], {}, Trust(["mod_secret"]))
        assert "hunter2" not in repr(vars(refusal.value)) + str(refusal.value)


def test_a_class_with_another_source_is_a_warning_with_both() -> None:
    one = need("A", source_sha256="0" * 64, distribution="acme", version="1.2")
    given = {"A": TestCode}
    with pytest.warns(
        BundleWarning, match=r"acme>A is not what it was .*\(then acme 1\.2\).*[1-9a-f].* was 0{64}"
    ):
        resolve([asked(one)], given, Trust())


def test_scopes_of_other_threads_are_used_where_the_source_is_the_recorded_one() -> None:
    from bundlekit.source_code import digest_of

    digest = digest_of(TestCode)
    right = asked(need("A", source_sha256=digest), elsewhere={"acme>A": TestCode})
    assert resolve([right], {}, Trust()) == [{right.needs[0]: TestCode}]
    for other in ("0" * 64, None):
        missing(asked(need("A", source_sha256=other), elsewhere={"acme>A": TestCode}))


def test_what_this_process_bundled_it_knows_until_it_is_gone() -> None:
    here = SimpleNamespace(make=lambda: type("Local", (), {"__qualname__": "f.<locals>.Local"}))
    live = here.make()
    packed = travel.pack([CustomObject(obj=live, name="Local", kind="layer", where=("x",))], "auto")
    (one,) = packed.needs
    part = Asked(needs=(one,), known=Known, code=packed.members[travel.PICKLE])
    assert resolve([part], {}, Trust()) == [{one: live}]
    del live, packed
    import gc

    gc.collect()
    missing(part)
