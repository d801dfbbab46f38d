"""Trees that no writer of ours made are refused by the audit, before anything is built."""

from __future__ import annotations

import base64
import io
import json
import sys
from typing import Any

import numpy as np
import pytest
from bundlekit_composite.composite import CompositeAdapter
from hypothesis import given, settings
from hypothesis import strategies as st

import bundlekit
from bundlekit import BundleError, Damaged, LimitExceeded, NotRestorable
from bundlekit.adapter import Context, Need, Part, Payload

ADAPTER = CompositeAdapter()
OWN = {"kind": "class", "module": "acme", "name": "Own", "qualname": "Own"}
INT = {"kind": "class", "module": "builtins", "name": "int", "qualname": "int"}


def payload(
    root: Any, names: Any = (), members: Any = (), declared: Any = (), parts: Any = ()
) -> Payload:
    """Make a payload by hand; `root` may be the whole document, as bytes."""
    document = {"inside": {}, "names": list(names), "root": root}
    part = Part(
        adapter="composite",
        payload_version=1,
        distribution="bundlekit",
        type="builtins.dict",
        kind="dict",
        custom_objects=tuple(declared),
        parts={name: inner.part for name, inner in dict(parts).items()},
    )
    tree = root if isinstance(root, bytes) else json.dumps(document).encode()
    return Payload(part, {"tree.json": tree, **dict(members)}, dict(parts))


def audited(*arguments: Any, **options: Any) -> tuple[Need, ...]:
    return ADAPTER.audit(payload(*arguments, **options))


def made(root: Any, names: Any = (), objects: tuple[object, ...] = (), **options: Any) -> Any:
    """Audit and unpack, with an object for each need."""
    hostile = payload(root, names, **options)
    needs = ADAPTER.audit(hostile)
    context = Context(
        restore=lambda inner: inner, needs=needs, objects=dict(zip(needs, objects, strict=True))
    )
    return ADAPTER.unpack(hostile, context)


def test_an_honest_tree_by_hand_passes_and_is_made() -> None:
    root = {"list": [1, {"ref": 0}, {"dict": [["a", {"tuple": []}]]}, {"name": 0}]}
    found = made(root, [INT])
    assert found[1] is found
    assert found[2:] == [{"a": ()}, int]


SHAPES: dict[str, tuple[Any, str]] = {
    "bare list": ([1, 2], "a bare list; expected an object of one kind"),
    "bare list inside": ({"list": [[]]}, "a bare list; expected an object of one kind"),
    "no kind": ({}, r"a node with \[\]; expected one kind"),
    "unknown kind": ({"list": [{"pickle": "gASV"}]}, r"a node with \['pickle'\]; expected one"),
    "two kinds": ({"list": [], "tuple": []}, r"a node with \['list', 'tuple'\]; expected one"),
    "more": ({"list": [], "then": 1}, "a 'list' made of {'list': 'list', 'then': 'int'}; no 'li"),
    "text": ({"list": "abc"}, "a 'list' made of {'list': 'str'}; no 'list' is"),
    "ordered": ({"dict": [], "ordered": 1}, "a 'dict' made of {'dict': 'list', 'ordered': 'int'}"),
    "no pair": ({"dict": [["a"]]}, "a dict of what are no pairs of key and value"),
    "letters": ({"dict": ["ab"]}, "a dict of what are no pairs of key and value"),
    "complex": ({"complex": [1.0]}, "a complex number that is no pair"),
    "bytes": ({"bytes": 5}, "a 'bytes' made of {'bytes': 'int'}"),
    "float": ({"float": 1.0}, "a 'float' made of {'float': 'float'}"),
    "value": ({"value": "date"}, "a 'value' made of {'value': 'str'}; no 'value' is"),
    "part": ({"part": ["a"]}, "a 'part' made of {'part': 'list'}; no 'part' is"),
    "handle": ({"part": "a", "handle": 1}, "a 'part' made of {'part': 'str', 'handle': 'int'}"),
    "array": ({"array": {}}, "an? 'array' without numbers"),
    "array of both": ({"array": {"data": "", "file": "a"}}, "a 'array' without numbers"),
    "scalar": ({"scalar": {"data": 5}}, "a 'scalar' without numbers"),
    "state": ({"object": 0}, "a 'object' made of {'object': 'int'}; no 'object' is"),
    "both states": ({"object": 0, "state": 1, "attributes": {}}, "a 'object' made of"),
    "attributes": ({"object": 0, "attributes": []}, "made of {'object': 'int', 'attributes': 'l"),
    "member": ({"enum": 0, "member": ["x"]}, "a 'enum' made of {'enum': 'int', 'member': 'list'}"),
    "items": ({"namedtuple": 0, "items": {}}, "a 'namedtuple' made of"),
    "name by text": ({"name": "0"}, "a 'name' made of {'name': 'str'}"),
    "name by truth": ({"name": True}, "a 'name' made of {'name': 'bool'}"),
    "ref by text": ({"list": [{"ref": "0"}]}, "a 'ref' made of {'ref': 'str'}"),
    "ref": ({"ref": 0}, "the tree refers to 0, which was not there before; there are 0"),
    "ref ahead": ({"list": [{"ref": 1}, {"list": []}]}, "refers to 1, which was not there before"),
    "ref back": ({"list": [{"ref": -1}]}, "refers to -1, which was not there before; there are 1"),
    "ref to tuple": ({"tuple": [{"ref": 0}]}, "refers to 0, which was not there before"),
    "name": ({"name": 1}, "uses the name 1, which was not there before; there are 1"),
    "name back": ({"object": -1, "state": None}, "uses the name -1, which was not there"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_no_tree_is_damaged(name: str) -> None:
    root, expected = SHAPES[name]
    with pytest.raises(Damaged, match=expected):
        audited(root, [OWN])


@pytest.mark.parametrize(
    "names",
    [
        [5], [[]], [{}], [{**OWN, "more": ""}], [{**OWN, "module": None}], [{**OWN, "name": ""}],
        [{**OWN, "kind": "op"}], [{**OWN, "kind": "lambda"}], [{**OWN, "qualname": 3}],
    ],
)  # fmt: skip
def test_names_that_are_none_are_damaged(names: Any) -> None:
    with pytest.raises(Damaged, match="not the names of classes and functions"):
        audited({"name": 0}, names)


@pytest.mark.parametrize(
    "document",
    [b"[]", b"5", b'{"root": 1}', b'{"inside": {}, "names": [], "root": 1, "more": 2}', b"null"],
)
def test_a_document_of_another_form_is_damaged(document: bytes) -> None:
    with pytest.raises(Damaged, match=r"tree\.json is no tree"):
        audited(document)


def test_names_in_an_object_are_damaged() -> None:
    with pytest.raises(Damaged, match="not the names of classes and functions"):
        audited(b'{"inside": {}, "names": {"0": {}}, "root": 1}')


@pytest.mark.parametrize(
    "document", [b"", b"{", b'{"root":1,"root":2,"names":[]}', b'"\xff"', b"\xff\xfe"]
)
def test_what_is_no_strict_json_is_damaged(document: bytes) -> None:
    with pytest.raises(Damaged, match=r"tree\.json is not strict JSON"):
        audited(document)


def test_deep_nesting_is_refused_before_it_is_parsed() -> None:
    depth = 100_000
    root = b'{"list":[' * depth + b"]}" * depth
    with pytest.raises(LimitExceeded, match="nested deeper than 400 levels"):
        audited(b'{"inside":{},"names":[],"root":' + root + b"}")


def test_members_that_the_tree_does_not_use_are_damaged() -> None:
    with pytest.raises(Damaged, match=r"more\.bin is no member of the adapter 'composite'"):
        audited({"list": []}, members={"more.bin": b""})


def test_an_array_without_its_member_is_damaged() -> None:
    with pytest.raises(Damaged, match=r"has no arrays/0\.npy; it has tree\.json"):
        audited({"array": {"file": "arrays/0.npy"}})


def test_parts_and_the_tree_have_to_agree() -> None:
    inner = payload({"list": []})
    with pytest.raises(Damaged, match=r"uses the parts \[\]; stored are \['inner'\]"):
        audited({"list": []}, parts={"inner": inner})
    with pytest.raises(Damaged, match=r"uses the parts \['x'\]; stored are \['inner'\]"):
        audited({"part": "x"}, parts={"inner": inner})
    assert audited({"list": [{"part": "inner"}] * 2}, parts={"inner": inner}) == ()


def test_a_declared_need_that_the_tree_does_not_use_is_damaged() -> None:
    need = Need(name="Own", class_name="Own", module="acme", qualname="Own", where=("[0]",))
    with pytest.raises(Damaged, match="declares 'Own', which the tree does not use"):
        audited({"list": []}, declared=[need])
    with pytest.raises(Damaged, match="declares 'Own', which the tree does not use"):
        audited({"list": [{"name": 0}]}, [{**OWN, "name": "Other"}], declared=[need])
    assert audited({"list": [{"name": 0}]}, [OWN], declared=[need]) == (need,)


def test_what_a_silent_manifest_does_not_declare_is_needed_all_the_same() -> None:
    popen = {"kind": "class", "module": "subprocess", "name": "Popen", "qualname": "Popen"}
    call = {"kind": "function", "module": "os", "name": "system", "qualname": "system"}
    root = {"dict": [["a", {"object": 0, "state": None}], ["b", {"tuple": [{"name": 1}]}]]}
    needs = audited(root, [popen, call])
    assert [need.reference for need in needs] == ["subprocess:Popen", "os:system"]
    assert [need.where for need in needs] == [("['a']",), ("['b'][0]",)]


@pytest.mark.parametrize("qualname", ["eval", "exec", "__import__", "open", "type", "object"])
def test_of_the_builtins_only_plain_classes_need_no_trust(qualname: str) -> None:
    named = {"kind": "class", "module": "builtins", "name": "int", "qualname": qualname}
    assert [need.reference for need in audited({"name": 0}, [named])] == [f"builtins:{qualname}"]


def saved(value: Any, **options: Any) -> str:
    buffer = io.BytesIO()
    np.save(buffer, value, **options)
    return base64.b64encode(buffer.getvalue()).decode()


def zipped() -> str:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.ones(2))
    return base64.b64encode(buffer.getvalue()).decode()


def headed(size: int) -> str:
    """Claim more numbers than there are."""
    buffer = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (size,)}
    np.lib.format.write_array_header_1_0(buffer, header)
    return base64.b64encode(buffer.getvalue()).decode()


UNMAKEABLE: dict[str, tuple[Any, str]] = {
    "pickle": ({"array": {"data": saved(np.array([print]), allow_pickle=True)}}, "allow_pickle"),
    "archive": ({"array": {"data": zipped()}}, "magic string is not correct"),
    "short": ({"array": {"data": saved(np.ones(9))[:-24]}}, "ValueError: .*read"),
    "huge": ({"array": {"data": headed(10**15)}}, "Unable to allocate"),
    "base64": ({"bytes": "!!!!"}, "binascii.Error|Error: "),
    "array of no base64": ({"array": {"data": "\u00e9"}}, "ValueError: string argument should"),
    "member itself": ({"array": {"file": "tree.json"}}, "magic string is not correct"),
    "float": ({"float": "one"}, "could not convert string to float"),
    "complex": ({"complex": ["a", {"list": []}]}, "TypeError: complex"),
    "date": ({"value": "date", "text": "1e9"}, "Invalid isoformat string"),
    "kind": ({"value": "pickle", "text": ""}, "KeyError: 'pickle'"),
    "fraction": ({"value": "fraction", "text": "1e999999999"}, "invalid literal for int"),
    "division": ({"value": "fraction", "text": "1/0"}, "ZeroDivisionError"),
    "key": ({"dict": [[{"list": []}, 1]]}, "unhashable type: 'list'"),
    "item": ({"set": [{"dict": []}]}, "unhashable type: 'dict'"),
    "enum": ({"enum": 0, "member": "real"}, "int is no enum"),
    "tuple": ({"namedtuple": 0, "items": []}, "not a subtype of tuple"),
    "attributes": ({"object": 0, "attributes": {"a": 1}}, "has no attribute 'a'"),
    "state": ({"object": 0, "state": 5}, "AttributeError"),
}


@pytest.mark.parametrize("name", UNMAKEABLE)
def test_what_cannot_be_made_is_an_error_of_ours(name: str) -> None:
    root, expected = UNMAKEABLE[name]
    with pytest.raises(NotRestorable, match=f"could not be made again: .*({expected})"):
        made(root, [INT])


def test_a_class_that_is_no_enum_is_not_called_for_its_number() -> None:
    with pytest.raises(NotRestorable, match="Bomb is no enum"):
        made({"enum": 0, "number": 7}, [OWN], objects=(Bomb,))
    with pytest.raises(NotRestorable, match="Bomb is no enum"):
        made({"enum": 0, "member": "x"}, [OWN], objects=(Bomb,))


class Bomb:
    def __init__(self, *_: object) -> None:
        raise AssertionError("a class of the user's was called")

    def __class_getitem__(cls, _: object) -> None:
        raise AssertionError("a class of the user's was asked for an item")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
words = st.sampled_from([
    "array", "attributes", "bytes", "complex", "data", "dict", "enum", "file", "float", "frozenset",
    "handle", "items", "list", "member", "name", "namedtuple", "number", "object", "ordered",
    "part", "ref", "scalar", "set", "state", "text", "tuple", "value",
])  # fmt: skip
nearly = st.recursive(
    json_values,
    lambda inner: (
        st.dictionaries(words, inner, min_size=1, max_size=2) | st.lists(inner, max_size=3)
    ),
    max_leaves=10,
)
nearly_names = st.lists(
    st.dictionaries(st.sampled_from([*OWN]), st.text(max_size=4), min_size=3)
    | st.just(OWN)
    | nearly
)


def refused_or_made(document: Any) -> None:
    """Nothing but our own errors leaves the adapter, whatever it is given."""
    try:
        hostile = payload(json.dumps(document).encode(), parts={})
        needs = ADAPTER.audit(hostile)
        objects: dict[Need, object] = dict.fromkeys(needs, int)
        ADAPTER.unpack(hostile, Context(restore=lambda inner: inner, needs=needs, objects=objects))
    except BundleError:
        return


@settings(deadline=None, max_examples=300)
@given(json_values)
def test_arbitrary_json_gives_only_errors_of_ours(document: Any) -> None:
    refused_or_made(document)


@settings(deadline=None, max_examples=700)
@given(st.just({}) | json_values, nearly_names, nearly)
def test_what_is_nearly_a_tree_gives_only_errors_of_ours(
    inside: Any, names: Any, root: Any
) -> None:
    refused_or_made({"inside": inside, "names": names, "root": root})


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_an_honest_tree_with_one_thing_changed_gives_only_errors_of_ours(data: Any) -> None:
    obj = {"a": [1.5, (2, float("nan"))], "b": {1}, "c": np.arange(3), "d": b"x", "e": 1 + 2j}
    tree = bundlekit.bundle(obj).read("tree.json")
    document = json.loads(bytes(tree))
    at = document["root"]
    while isinstance(at, dict | list) and at:
        held = at
        key = data.draw(st.sampled_from([*at] if isinstance(at, dict) else range(len(at))))
        at = at[key]
        if data.draw(st.booleans()):
            break
    held[key] = data.draw(nearly)
    refused_or_made(document)


def test_the_audit_imports_nothing_and_makes_nothing() -> None:
    before = set(sys.modules)
    root = {"dict": [["a", {"object": 0, "state": {"array": {"data": "no numbers at all"}}}]]}
    named = {"kind": "class", "module": "antigravity", "name": "Own", "qualname": "Own"}
    (need,) = audited(root, [named])
    assert need.module == "antigravity"
    assert set(sys.modules) == before
