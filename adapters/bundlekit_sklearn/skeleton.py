"""The schema of skops in few words: what `skeleton.json` holds.

skops writes a hundred bytes around every number, an `id` that differs from process to process,
and a file for every small array. A skeleton says the same and no more, so that the same estimator
gives the same bytes and a person can read them:

* numbers, text, truth values and `null` stand for themselves;
* `{"list": […]}`, `{"tuple": […]}`, `{"set": […]}`, `{"dict": {…}}` with text as keys;
* `{"object": "module:Class", "state": …}`;
* `{"array": "numpy:ndarray", "data": "base64"}`, or a `file` where it is large, in `.npy` format;
* `{"stored": "part_0"}`: another part, or a function;
* everything else as skops has it: `{"loader": …, "type": "module:name", "fields": {…}}`;
* `id` where `{"ref": id}` means the same object again.

One law, which the tests state: `expanded(*spelled(schema, files))` is the same schema, but for ids
and the names of files.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from bundlekit.errors import Damaged
from bundlekit_sklearn.allowlist import home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bundlekit.source import Buffer

MODULE = "bundlekit.stored"
"""What stands for parts and functions says that it is of this module; there is none."""
FOLDER = "arrays/"
_INLINE = 4096
"""Bytes up to which a file stands in the skeleton itself; a member costs some 450 bytes."""
_PLAIN = {
    ("ListNode", "builtins", "list"): "list",
    ("TupleNode", "builtins", "tuple"): "tuple",
    ("SetNode", "builtins", "set"): "set",
}
_LOADERS = {kind: (loader, cls) for (loader, _, cls), kind in _PLAIN.items()}
_FIRST = ("key_types", "content", "__reduce__")
"""Fields in the order in which skops reads them, before all others."""
_KINDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys((*_PLAIN.values(), "dict", "stored", "ref"), frozenset()),
    "object": frozenset({"state"}),
    "array": frozenset({"data", "file"}),
    "loader": frozenset({"type", "fields"}),
}
"""What a node may hold, by what makes it of its kind, besides its id."""
_OWN = ("__class__", "__module__", "__loader__", "__id__")
_STR = {"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode"}


def spelled(schema: dict[str, Any], files: Mapping[str, bytes]) -> tuple[Any, dict[str, bytes]]:
    """Give the skeleton of a schema, and the files that stand beside it, by path."""
    return _Speller(schema, files).result()


class _Speller:
    def __init__(self, schema: dict[str, Any], files: Mapping[str, bytes]) -> None:
        self._schema = schema
        self._files = files
        self._beside: dict[str, bytes] = {}
        self._paths: dict[str, str] = {}
        self._seen = Counter(_ids(schema))
        self._ids: dict[int, int] = {}

    def result(self) -> tuple[Any, dict[str, bytes]]:
        return self._node(self._schema), self._beside

    def _node(self, node: dict[str, Any]) -> Any:
        loader = node["__loader__"]
        if loader == "JsonNode":
            value = json.loads(node["content"])
            if not isinstance(value, dict | list):
                return value
        if loader == "TypeNode" and node["__module__"] == MODULE:
            return {"stored": node["__class__"]}
        number = int(node.get("__id__", 0))
        shared = loader not in _WITHOUT_IDENTITY and self._seen[number] > 1
        if shared and number in self._ids:
            return {"ref": self._ids[number]}
        if shared:
            self._ids[number] = len(self._ids)
        found = self._spelled(node, loader)
        return {**found, "id": self._ids[number]} if shared else found

    def _spelled(self, node: dict[str, Any], loader: str) -> dict[str, Any]:
        kind = _PLAIN.get((loader, node["__module__"], node["__class__"]))
        if kind:
            items = sorted(node["content"], key=self._text) if kind == "set" else node["content"]
            return {kind: [self._node(item) for item in items]}
        name = f"{home(node['__module__'])}:{node['__class__']}"
        if loader == "DictNode" and name == "builtins:dict" and _has_text_keys(node):
            return {"dict": {key: self._node(value) for key, value in node["content"].items()}}
        if loader == "ObjectNode":
            state = {"state": self._node(node["content"])} if "content" in node else {}
            return {"object": name, **state}
        if loader == "NdArrayNode" and node["type"] == "numpy":
            return {"array": name, **self._file(node["file"])}
        fields = {key: value for key, value in node.items() if key not in _OWN}
        if name == "builtins:frozenset":
            (items,) = fields["content"]["content"]
            items = {**items, "content": sorted(items["content"], key=self._text)}
            fields["content"] = {**fields["content"], "content": [items]}
        order = sorted(fields, key=lambda key: _FIRST.index(key) if key in _FIRST else len(_FIRST))
        made = {key: self._field(key, fields[key]) for key in order}
        return {"loader": loader, "type": name, "fields": made}

    def _text(self, value: Any) -> str:
        """Write what is in a schema, other than ids and names of files, to sort by."""
        if isinstance(value, dict):
            return "{" + ",".join(
                f"{key}:{self._files[one]!r}" if key == "file" else f"{key}:{self._text(one)}"
                for key, one in value.items()
                if key != "__id__"
            )
        if isinstance(value, list):
            return "[" + ",".join(map(self._text, value))
        return json.dumps(value)

    def _field(self, key: str, value: Any) -> Any:
        if key == "file":
            return self._file(value)
        if isinstance(value, dict):
            if "__loader__" in value:
                return {"node": self._node(value)}
            return {"fields": {name: self._field("", one) for name, one in value.items()}}
        if isinstance(value, list):
            return [self._field("", one) for one in value]
        return value

    def _file(self, name: str) -> dict[str, Any]:
        data = self._files[name]
        if len(data) <= _INLINE:
            return {"data": base64.b64encode(data).decode()}
        if name not in self._paths:
            path = f"{FOLDER}{len(self._paths)}.{name.rpartition('.')[2]}"
            self._paths[name] = path
            self._beside[path] = data
        return {"file": self._paths[name]}


_WITHOUT_IDENTITY = frozenset({"JsonNode", "TypeNode", "FunctionNode"})


def _ids(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        if "__loader__" in value and value["__loader__"] not in _WITHOUT_IDENTITY:
            yield value.get("__id__", 0)
        for one in value.values():
            yield from _ids(one)
    elif isinstance(value, list):
        for one in value:
            yield from _ids(one)


def _has_text_keys(node: dict[str, Any]) -> bool:
    kinds = node["key_types"]["content"]
    return all(kind["__class__"] == "str" and kind["__module__"] == "builtins" for kind in kinds)


def expanded(
    skeleton: Any, read: Callable[[str], Buffer]
) -> tuple[dict[str, Any], dict[str, Buffer]]:
    """Give the schema of a skeleton, and the files that it refers to.

    Args:
        skeleton: the skeleton.
        read: gives what stands beside it, by path.

    Raises:
        Damaged: it is none.
    """
    expander = _Expander(read)
    try:
        return expander.node(skeleton), expander.files
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged(f"the skeleton is not one: {type(error).__name__} {error}") from error


class _Expander:
    def __init__(self, read: Callable[[str], Buffer]) -> None:
        self._read = read
        self._names: dict[str, str] = {}
        self._done: dict[int, int] = {}
        self.files: dict[str, Buffer] = {}

    def node(self, node: Any) -> dict[str, Any]:
        if isinstance(node, list):
            raise ValueError("a list that says not of what kind it is")
        if not isinstance(node, dict):
            return _schema("JsonNode", "builtins:str", content=json.dumps(node), is_json=True)
        _require_one_kind(node)
        if "ref" in node:
            if node["ref"] not in self._done:
                raise ValueError(f"a reference to {node['ref']!r}, which is nothing before it")
            return _schema("CachedNode", ":", __id__=self._done[node["ref"]])
        made = self._expanded(node)
        if "id" not in node:
            return made
        if type(node["id"]) is not int or node["id"] in self._done:
            raise ValueError(f"the id {node['id']!r} twice, or no number")
        self._done[node["id"]] = len(self._done) + 1
        return {**made, "__id__": self._done[node["id"]]}

    def _expanded(self, node: dict[str, Any]) -> dict[str, Any]:
        for kind, (loader, cls) in _LOADERS.items():
            if kind in node:
                return _schema(
                    loader, f"builtins:{cls}", content=[self.node(item) for item in node[kind]]
                )
        if "dict" in node:
            content = {key: self.node(value) for key, value in node["dict"].items()}
            kinds = _schema("ListNode", "builtins:list", content=[_STR] * len(content))
            return _schema("DictNode", "builtins:dict", content=content, key_types=kinds)
        if "object" in node:
            state = {"content": self.node(node["state"])} if "state" in node else {}
            return _schema("ObjectNode", node["object"], **state)
        if "array" in node:
            return _schema("NdArrayNode", node["array"], type="numpy", file=self._file(node))
        if "stored" in node:
            return _schema("TypeNode", f"{MODULE}:{node['stored']}")
        fields = {key: self._field(value) for key, value in node["fields"].items()}
        return _schema(node["loader"], node["type"], **fields)

    def _field(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._field(one) for one in value]
        if not isinstance(value, dict):
            return value
        if "node" in value:
            return self.node(value["node"])
        if "fields" in value:
            return {key: self._field(one) for key, one in value["fields"].items()}
        return self._file(value)

    def _file(self, value: dict[str, Any]) -> str:
        key = value["file"] if "file" in value else f"data:{value['data']}"
        if key not in self._names:
            self._names[key] = str(len(self._names))
            self.files[self._names[key]] = contents(value, self._read)
        return self._names[key]


def _require_one_kind(node: Mapping[str, Any]) -> None:
    # So that nobody is shown one kind and skops another.
    kind = next((kind for kind in _KINDS if kind in node), None)
    if kind is None or not node.keys() - {kind, "id"} <= _KINDS[kind]:
        raise ValueError(f"a node of {', '.join(map(repr, node))}")
    if not isinstance(node.get("stored", ""), str):
        raise ValueError(f"{node['stored']!r} as the name of what is stored")
    if any(name.startswith("__") and name != "__reduce__" for name in node.get("fields", ())):
        raise ValueError("a field that says what the node is")


def contents(value: Mapping[str, Any], read: Callable[[str], Buffer]) -> Buffer:
    """Give the bytes of a file of a skeleton, which stand in it or beside it.

    Raises:
        Damaged: they are not base64.
    """
    if "file" in value:
        return read(value["file"])
    try:
        return base64.b64decode(value["data"], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise Damaged(f"the skeleton has data that is no base64: {error}") from error


def walk(skeleton: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every node that is not plain, with where it is: `.steps[1][1].model`."""
    if not isinstance(skeleton, dict):
        return
    yield place, skeleton
    for kind in _LOADERS:
        for index, item in enumerate(skeleton.get(kind, ())):
            yield from walk(item, f"{place}[{index}]")
    for key, item in skeleton.get("dict", {}).items():
        yield from walk(item, f"{place}[{key!r}]")
    state = skeleton.get("state")
    if isinstance(state, dict) and "dict" in state:
        for key, item in state["dict"].items():
            yield from walk(item, f"{place}.{key}")
    else:
        yield from walk(state, place)
    yield from _walk_fields(skeleton.get("fields", {}), place)


def _walk_fields(value: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from _walk_fields(one, f"{place}[{index}]")
    elif isinstance(value, dict):
        if "node" in value:
            yield from walk(value["node"], place)
        else:
            for key, one in value.items():
                yield from _walk_fields(one, f"{place}.{key}")


def _schema(loader: str, name: str, **fields: Any) -> dict[str, Any]:
    module, _, cls = name.partition(":")
    return {"__class__": cls, "__module__": module, "__loader__": loader, **fields}
