from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundlekit import Trust
from bundlekit.errors import InvalidTrust

NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join)


def test_nothing_is_trusted_by_default() -> None:
    nobody = Trust.of(None)
    assert nobody == Trust() == Trust.of([])
    assert (nobody.imports, nobody.code, nobody.ops, nobody.signers) == ((), False, (), ())
    assert not nobody.allows_import("acme", "Scale")
    assert not nobody.allows_module("acme")


def test_a_list_of_names_is_short_for_imports() -> None:
    assert Trust.of(["acme"]) == Trust(imports=["acme"]) == Trust(imports=("acme",))
    assert Trust.of(Trust(code=True)).code
    assert hash(Trust(imports=["a"])) == hash(Trust(imports=("a",)))
    assert pickle.loads(pickle.dumps(Trust(imports=["a"], code=True))) == Trust(["a"], True)


@pytest.mark.parametrize(
    ("name", "module", "qualname", "allowed"),
    [
        ("acme", "acme", "Scale", True),
        ("acme", "acme.layers.deep", "Scale", True),
        ("acme", "acmeevil", "Scale", False),
        ("acme.layers", "acme", "Scale", False),
        ("acme.layers", "acme.layers2", "Scale", False),
        ("acme.layers:Scale", "acme.layers", "Scale", True),
        ("acme.layers:Scale", "acme.layers", "Scale.Inner", True),
        ("acme.layers:Scale", "acme.layers", "Scale2", False),
        ("acme.layers:Scale", "acme.layers.more", "Scale", False),
        ("acme:layers.Scale", "acme", "layers", False),
        ("acme", None, "Scale", False),
        ("acme", "acme", None, False),
    ],
)
def test_a_name_allows_itself_and_what_is_below(
    name: str, module: Any, qualname: Any, allowed: bool
) -> None:
    assert Trust(imports=[name]).allows_import(module, qualname) is allowed


@given(st.lists(NAMES, max_size=4), NAMES)
def test_only_packages_around_a_module_allow_it(trusted: list[str], module: str) -> None:
    around = {module[: len(module) - 2 * index] for index in range(len(module))}
    assert Trust(imports=trusted).allows_import(module, "X") is bool(around & set(trusted))


def test_signatures_that_nothing_checks_are_not_taken_for_checked() -> None:
    asking = Trust(signers=["release key"])
    with pytest.raises(InvalidTrust, match="a signature of 'release key', and this version") as no:
        Trust.of(asking)
    assert no.value.found == ("release key",)  # type: ignore[attr-defined]
    assert Trust.of(Trust(ops=["PyFunc"])).ops == ("PyFunc",)


@pytest.mark.parametrize("odd", [True, False, 1, "acme", b"acme", 3.5])
def test_what_is_no_list_of_names_is_refused(odd: Any) -> None:
    with pytest.raises(InvalidTrust, match="trust takes a list of names") as refusal:
        Trust.of(odd)
    assert isinstance(refusal.value, TypeError)
    assert refusal.value.found == odd  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "name",
    ["*", "", " ", "acme.*", ".", "acme.", ".acme", "a b", "acme:", ":X", "acme:f.<locals>.X",
     "acme/x", "acme\n", None, 3, True, b"acme", "acme:*", "a:b:c"],
)  # fmt: skip
def test_a_name_that_is_none_or_stands_for_all_is_refused(name: Any) -> None:
    for names in ([name], ["fine", name]):
        with pytest.raises(InvalidTrust, match="cannot be trusted.*nothing stands for all"):
            Trust.of(names)


@pytest.mark.parametrize("code", [1, 0, None, "yes", ["acme"]])
def test_code_is_a_plain_boolean(code: Any) -> None:
    with pytest.raises(InvalidTrust, match=r"Trust\(code=.*neither True nor False"):
        Trust(code=code)


def test_names_do_not_allow_code_nor_code_names() -> None:
    assert not Trust(imports=["acme"]).code
    assert not Trust(code=True).allows_import("acme", "Scale")


def test_it_is_a_value() -> None:
    with pytest.raises(AttributeError, match="cannot assign"):
        Trust().code = True  # type: ignore[misc]


@pytest.mark.parametrize("name", ["*", "", " ", "a b", None, 3, True, "read /etc", "x\n"])
def test_what_is_no_name_of_an_operation_is_refused(name: Any) -> None:
    with pytest.raises(InvalidTrust, match="not the name of an operation") as refusal:
        Trust(ops=[name])
    assert refusal.value.found == name  # type: ignore[attr-defined]


@pytest.mark.parametrize("ops", ["PrintV2", True, 3])
def test_operations_are_a_list(ops: Any) -> None:
    with pytest.raises(InvalidTrust, match="as ops: trust takes a list of names"):
        Trust(ops=ops)
