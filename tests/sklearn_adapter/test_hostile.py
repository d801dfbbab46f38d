"""Skeletons that no writer of ours made name their needs, or are refused; nothing runs."""

from __future__ import annotations

import base64
import io
import json
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bundlekit
from bundlekit import (
    BundleError,
    Damaged,
    LimitExceeded,
    MissingCustomObjects,
    NotRestorable,
    Refused,
)
from bundlekit.adapter import Need
from tests.sklearn_adapter.documents import (
    ADAPTER,
    array,
    artifact,
    audited,
    document,
    made,
    payload,
)

if TYPE_CHECKING:
    from pathlib import Path

TRAP = "acme_trap_of_sklearn"
TEXT = {"loader": "JsonNode", "type": "builtins:str", "fields": {"content": '"x"'}}


def node(loader: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"loader": loader, "type": name, "fields": fields}


def naming(name: str) -> dict[str, Any]:
    """Give skeletons that name a class or function, one for each way of skops to use it."""
    function = {"node": node("FunctionNode", name)}
    nothing: Any = {"node": {"tuple": []}}
    one = {"object": name}
    partial = {"func": function, "args": nothing, "kwds": {"node": {"dict": {}}}}
    keys = {"node": {"list": [node("TypeNode", name)]}}
    return {
        "function": node("FunctionNode", name),
        "type": node("TypeNode", name),
        "object": {"object": name},
        "object with state": {"object": name, "state": {"dict": {"a": 1}}},
        "called": node("ConstructorFromReduceNode", name, content=nothing),
        "partial": node(
            "PartialNode",
            "functools:partial",
            content={"fields": {**partial, "namespace": {"node": None}}},
        ),
        "method": node(
            "MethodNode",
            name,
            content={"fields": {"func": "run", "obj": {"node": one}}},
        ),
        "keys": node("DictNode", "builtins:dict", key_types=keys, content={"fields": {"a": TEXT}}),
        "dict": node("DictNode", name, key_types=keys, content={"fields": {}}),
        "list": node("ListNode", name, content=[{"node": 1}]),
        "tuple": node("TupleNode", name, content=[]),
        "set": node("SetNode", name, content=[]),
        "loss": node("LossNode", name, content=nothing, __reduce__={"fields": {"args": nothing}}),
        "generator": node("RandomStateNode", name, content={"node": {"dict": {}}}),
        "array": {**array(np.arange(2)), "array": name},
        "objects": node("NdArrayNode", name, type="json", content=[], shape=nothing),
        "inside": {
            "object": "sklearn.pipeline:Pipeline",
            "state": {"dict": {"a": one}},
        },
        "shared": {"list": [{"object": name, "id": 0}, {"ref": 0}]},
    }


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a file that is there once the module was imported."""
    marker = tmp_path / "imported"
    (tmp_path / f"{TRAP}.py").write_text(
        f"open({str(marker)!r}, 'w').close()\nclass Run:\n    def run(self): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return marker


@pytest.mark.parametrize("way", naming(""))
def test_a_name_that_is_not_allowed_is_a_need_and_is_not_imported(way: str, trap: Path) -> None:
    root = naming(f"{TRAP}:Run")[way]
    needs = audited(root)
    assert {need.reference for need in needs} == {f"{TRAP}:Run"}
    with pytest.raises(MissingCustomObjects, match=f"{TRAP}:Run.*not trusted"):
        bundlekit.unbundle(artifact(root))
    assert TRAP not in sys.modules
    assert not trap.exists()


def test_a_method_to_be_called_by_name_is_a_need() -> None:
    root = node("OperatorFuncNode", "operator:methodcaller", attrs={"node": {"tuple": ["run"]}})
    assert [need.reference for need in audited(root)] == ["operator:methodcaller"]
    got = node("OperatorFuncNode", "operator:itemgetter", attrs={"node": {"tuple": [1]}})
    assert made(got)([3, 4]) == 4


def test_a_function_of_python_is_a_need_by_its_qualified_name(trap: Path) -> None:
    functions = {"function_0": {"module": TRAP, "name": "run", "qualname": "Run.run"}}
    needs = audited({"stored": "function_0"}, functions=functions)
    assert [(need.reference, need.kind) for need in needs] == [(f"{TRAP}:Run.run", "function")]
    assert not trap.exists()


HIDDEN: dict[str, Any] = {
    "a field": {**node("TypeNode", "builtins:int"), "fields": {"__module__": "os"}},
    "two kinds": {"object": "sklearn.pipeline:Pipeline", "type": "os:system", "loader": "TypeNode"},
    "beside stored": {"stored": "function_0", "object": "os:system"},
    "beside ref": {"list": [{"list": [], "id": 0}, {"ref": 0, "object": "os:system"}]},
    "in a file": node("BytesNode", "builtins:bytes", file={"__loader__": "TypeNode"}),
}


@pytest.mark.parametrize("way", HIDDEN)
def test_a_name_that_is_hidden_from_the_audit_is_damaged(way: str) -> None:
    functions = {"function_0": {"module": "numpy", "name": "log1p", "qualname": "log1p"}}
    with pytest.raises(Damaged, match="the skeleton is not one"):
        audited(HIDDEN[way], functions=functions if way == "beside stored" else {})


DOCUMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "newer": ({"root": 1, "more": 1}, "is no skeleton"),
    "protocol": ({"root": 1, "protocol": "2"}, "has no int as 'protocol'"),
    "old protocol": ({"root": 1, "protocol": 0}, "has the protocol 0"),
    "truth as protocol": ({"root": 1, "protocol": True}, "has the protocol True"),
    "unknown function": ({"root": {"stored": "function_0"}}, "has 'function_0' at .*not stored"),
    "special name": (
        {"root": 1, "functions": {"__name__": {"module": "a", "name": "b", "qualname": "b"}}},
        "'__name__', which stands for nothing",
    ),
    "no name": ({"root": 1, "functions": {"function_0": {"module": "a"}}}, "stands for nothing"),
    "numbers": ({"root": 1, "parts": {"part_0": {"part": 5}}}, "stands for nothing"),
    "no dict": ({"root": 1, "parts": {"part_0": 5}}, "stands for nothing"),
}


@pytest.mark.parametrize("way", DOCUMENTS)
def test_what_is_no_document_is_damaged(way: str) -> None:
    changes, match = DOCUMENTS[way]
    with pytest.raises(Damaged, match=match):
        audited(**changes)


def test_parts_are_those_of_the_manifest() -> None:
    inner = payload(document(1))
    uses = document({"stored": "part_0"}, parts={"part_0": {"part": "model"}})
    with pytest.raises(Damaged, match=r"uses.*\['model'\].*\[\]"):
        ADAPTER.audit(payload(uses))
    with pytest.raises(Damaged, match=r"uses.*\[\].*\['model'\]"):
        ADAPTER.audit(payload(document(1), parts={"model": inner}))
    assert ADAPTER.audit(payload(uses, parts={"model": inner})) == ()


def test_a_member_that_nothing_uses_is_refused_and_a_lost_one_is_named() -> None:
    with pytest.raises(Damaged, match=r"arrays/0\.npy is no member of the adapter"):
        ADAPTER.audit(payload(document(1), {"arrays/0.npy": b""}))
    beside = {"array": "numpy:ndarray", "file": "arrays/0.npy"}
    with pytest.raises(Damaged, match=r"has no arrays/0\.npy"):
        ADAPTER.audit(payload(document(beside)))


def test_a_need_that_the_skeleton_has_no_use_for_is_damaged() -> None:
    unused = Need(name="Own", class_name="Own", kind="class", module="acme", qualname="Own")
    with pytest.raises(Damaged, match="declares 'Own', which the skeleton does not use"):
        ADAPTER.audit(payload(document(1), declared=[unused]))


def test_what_skops_does_not_know_is_not_restorable() -> None:
    from skops.io._protocol import PROTOCOL

    unknown = node("NewNode", "builtins:int", content=1)
    with pytest.raises(NotRestorable, match="Can't find loader NewNode"):
        made(unknown)
    with pytest.raises(NotRestorable, match=f"protocol {PROTOCOL + 1}.*update skops"):
        made(1, protocol=PROTOCOL + 1)


def test_what_skops_alone_finds_is_refused() -> None:
    state = {"dict": {"bit_generator": "set_bit_generator", "state": {"dict": {}}}}
    root = node(
        "RandomGeneratorNode",
        "numpy.random._generator:Generator",
        content={"fields": {"bit_generator": {"node": state}, "seed_seq": {"node": {"dict": {}}}}},
    )
    with pytest.raises(Refused, match=r"skops finds.*numpy\.random\.set_bit_generator"):
        made(root)


def test_a_deep_skeleton_is_a_limit_and_no_crash() -> None:
    deep = document(1).replace(b'"root": 1', b'"root": ' + b'{"list":[' * 900 + b"]}" * 900)
    with pytest.raises(LimitExceeded, match="nested deeper"):
        ADAPTER.audit(payload(deep))
    root: Any = 1
    for _ in range(190):
        root = {"list": [root]}
    found = made(root)
    for _ in range(190):
        (found,) = found
    assert found == 1


def npy(header: str, data: bytes = b"") -> dict[str, Any]:
    text = header.encode().ljust(117) + b"\n"
    whole = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data
    return {"array": "numpy:ndarray", "data": base64.b64encode(whole).decode()}


def header(dtype: str, shape: str) -> str:
    return f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}"


class Pickled:
    def __reduce__(self) -> Any:
        return exec, ("import sys; sys.modules['acme_unpickled'] = sys",)


ARRAYS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "objects": (array(np.array([Pickled()], dtype=object)), Refused, "pickled objects"),
    "header alone": (npy(header("|O", "(1,)"), b"cos\nsystem\n."), Refused, "pickled objects"),
    "too long": (npy(header("<f8", "(1,)"), bytes(16)), Damaged, "8 bytes; there are 16"),
    "huge": (npy(header("<f8", "(99999999999999,)")), Damaged, "there are 0"),
    "negative": (npy(header("<f8", "(-1,)")), Damaged, "there are 0"),
    "no array": ({"array": "numpy:ndarray", "data": "YWJj"}, Damaged, r"no \.npy file"),
    "no header": (npy("__import__('os')"), Damaged, r"no \.npy file"),
    "no base64": ({"array": "numpy:ndarray", "data": "!!!!"}, Damaged, "no base64"),
}


@pytest.mark.parametrize("way", ARRAYS)
def test_an_array_is_numbers_and_as_long_as_it_says(way: str) -> None:
    found, kind, match = ARRAYS[way]
    with pytest.raises(kind, match=match):
        audited({"list": [found]})
    assert "acme_unpickled" not in sys.modules


def test_a_sparse_matrix_with_pickles_in_it_is_refused() -> None:
    file = io.BytesIO()
    np.savez(file, data=np.array([Pickled()], dtype=object), format=b"csr", shape=[1, 1])
    with pytest.raises(Refused, match="pickled objects"):
        audited(sparse(file.getvalue()))
    for data in (b"no zip", file.getvalue()[:40]):
        with pytest.raises(Damaged, match=r"no \.npz file"):
            audited(sparse(data))


def test_a_sparse_matrix_with_other_members_is_damaged() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../evil", b"")
    with pytest.raises(Damaged, match=r"has \.\./evil"):
        audited(sparse(file.getvalue()))


def sparse(data: bytes) -> dict[str, Any]:
    held = {"data": base64.b64encode(data).decode()}
    return node("SparseMatrixNode", "scipy.sparse._csr:csr_matrix", type="scipy", file=held)


KEYS = st.sampled_from(
    ["list", "tuple", "set", "dict", "object", "state", "array", "data", "file", "stored", "ref",
     "id", "loader", "type", "fields", "node", "content", "__reduce__", "args", "tree_", "a"]
)  # fmt: skip
LEAVES = st.sampled_from(
    [None, True, 0, -1, 2.5, "", "function_0", "part_0", "os:system", "numpy:ndarray",
     "sklearn.pipeline:Pipeline", "sklearn.tree._tree:Tree", "sklearn.neighbors._kd_tree:KDTree",
     "TreeNode", "TypeNode", "NdArrayNode", "SparseMatrixNode", "YWJj", array([1, 2])["data"]]
)  # fmt: skip
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)
)


@settings(max_examples=300, deadline=None)
@given(root=JSON, functions=JSON, parts=JSON)
def test_any_json_is_audited_or_refused(root: Any, functions: Any, parts: Any) -> None:
    for fields in ({}, {"functions": functions, "parts": parts}):
        try:
            needs = audited(root, **fields)
        except BundleError:
            continue
        assert all(isinstance(need, Need) for need in needs)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_as_a_skeleton_are_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="skeleton"):
        ADAPTER.audit(payload(data))
