"""What a raw config may name, by itself, whatever the manifest says."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import Any

import pytest
from bundlekit_keras import allowlist, audit

from bundlekit.adapter import Need
from bundlekit.errors import Damaged, Refused


def node(name: str, module: str | None = "keras.layers", **more: Any) -> dict[str, Any]:
    return {"class_name": name, "module": module, "config": {}, "registered_name": None, **more}


def function(name: str, module: str | None = "builtins", **more: Any) -> dict[str, Any]:
    return node("function", module, config=name, registered_name="function", **more)


OWN = node("Own", "acme", registered_name="acme>Own")


def test_only_what_is_not_keras_is_needed_with_every_place() -> None:
    tensor = {"class_name": "__keras_tensor__", "config": {}}
    config = node("Dense", config={"a": OWN, "b": copy.deepcopy(OWN), "c": tensor})
    (need,) = audit.needs(config)
    assert (need.name, need.short_name, need.module) == ("acme>Own", "Own", "acme")
    assert (need.reference, need.travels) == ("acme:Own", "reference")
    assert need.where == ("config.a", "config.b")


def test_one_name_from_two_modules_is_two_needs() -> None:
    config = [node("Own", module, registered_name="acme>Own") for module in ("one", "two")]
    assert [need.module for need in audit.needs(config)] == ["one", "two"]


@pytest.mark.parametrize(
    "honest",
    [
        node("Dense"),
        node("Dense", registered_name="Dense"),
        node("Functional", "keras.src.models.functional", registered_name="Functional"),
        node("GetItem", "keras.src.ops.numpy", registered_name="GetItem"),
        node("Adam", "keras.optimizers"),
        function("relu"),
        function("mean_squared_error"),
        function("sin", "keras.ops"),
        node("Lambda", config={"function": function("relu"), "output_shape": [None, 3]}),
        node("StringLookup", config={"vocabulary": ["a/b", "c"]}),
    ],
)
def test_what_keras_is_made_of_is_not_needed(honest: dict[str, Any]) -> None:
    assert audit.needs(honest) == ()


@pytest.mark.parametrize("module", ["keras_hub.layers", "kerasx", None, "__main__"])
def test_other_modules_are_needed(module: str | None) -> None:
    assert len(audit.needs(node("Dense", module))) == 1


def test_a_node_without_a_module_is_needed_even_if_keras_has_one_of_its_name() -> None:
    for name in ("Dense", "Lambda", "get_file"):
        bare = node(name)
        del bare["module"]
        assert [need.name for need in audit.needs(bare)] == [name]


def test_functions_are_needed_by_their_registered_name() -> None:
    (need,) = audit.needs(function("acme>soft", "acme.functions"))
    assert (need.name, need.module, need.kind) == ("acme>soft", "acme.functions", "function")
    assert need.reference == "acme.functions:soft"
    assert audit.needs(function("deserialize"))[0].module is None


def exported() -> list[str]:
    from keras.src.api_export import REGISTERED_NAMES_TO_OBJS

    return sorted(REGISTERED_NAMES_TO_OBJS)


def test_every_exported_symbol_is_allowed_or_refused_as_class_and_as_function() -> None:
    allowed = allowlist.allowed()
    passed = []
    for symbol in exported():
        module, _, name = symbol.rpartition(".")
        for form, names in (
            (node(name, module), allowed.classes),
            (function(name, module), allowed.functions),
        ):
            if symbol not in names:
                try:
                    passed.append((symbol, audit.needs(form)))
                except Refused as error:
                    assert error.symbol == symbol  # type: ignore[attr-defined]
    assert passed == []
    assert len(exported()) > 1000


@pytest.mark.parametrize(
    "symbol",
    [
        "keras.utils.get_file", "keras.saving.load_model", "keras.config.set_floatx",
        "keras.config.enable_unsafe_deserialization", "keras.models.model_from_json",
        "keras.callbacks.BackupAndRestore", "keras.layers.TFSMLayer",
        "keras.datasets.mnist.load_data",
        "keras.layers.TorchModuleWrapper", "keras.layers.deserialize", "keras.applications.VGG16",
        "keras.tree.map_structure", "keras.src.utils.python_utils.func_load", "keras.no.such.Thing",
        "keras.wrappers.SKLearnClassifier", "keras.distribution.set_distribution",
    ],
)  # fmt: skip
def test_what_models_nothing_is_refused_with_its_place(symbol: str) -> None:
    module, _, name = symbol.rpartition(".")
    for form in (node(name, module), function(name, module)):
        with pytest.raises(Refused, match=r"names keras\..* at config\.x\[0\], which is not among"):
            audit.needs(node("Dense", config={"x": [form]}))


@pytest.mark.parametrize(
    "odd",
    [
        {"class_name": 3}, {"module": ["keras"]}, {"registered_name": {}},
        {"config": None}, {"config": 5}, {"config": []}, {"config": "text"},
        {"class_name": "function", "config": {}}, {"class_name": "__numpy__", "config": []},
    ],
)  # fmt: skip
def test_a_node_that_keras_does_not_write_is_damaged(odd: dict[str, Any]) -> None:
    with pytest.raises(Damaged, match="no plain class_name|; expected (a name|an object)"):
        audit.needs({**node("Dense"), **odd})


def test_a_name_of_keras_own_under_another_registered_name_is_refused() -> None:
    with pytest.raises(Refused, match="claims to be registered as acme>Own; nothing can be both"):
        audit.needs(node("Dense", registered_name="acme>Own"))
    with pytest.raises(Refused, match="function relu, and claims to be registered as get_file"):
        audit.needs({**function("relu"), "registered_name": "get_file"})


def test_a_lambda_is_a_need_that_only_trust_in_code_allows() -> None:
    for config in ({"value": ["4w==", None, None]}, {"code": "4w=="}, "odd", None):
        (need,) = audit.needs([[{"x": {"class_name": "__lambda__", "config": config}}]])
        assert (need.kind, need.where, need.reference) == ("lambda", ("[0][0].x",), None)


BYTECODE = ["4wEAAAAAAAAAAAAAAAABAAAA\n", None, None]


@pytest.mark.parametrize("key", ["function", "mask", "output_shape"])
def test_code_in_the_lists_of_a_lambda_layer_is_refused(key: str) -> None:
    config = {"function": function("relu"), key: ["c29tZSBjb2Rl", None, None]}
    with pytest.raises(Refused, match=f"the {key} of the Lambda layer at the model is .*not run"):
        audit.needs(node("Lambda", config=config))


def test_bytecode_as_old_keras_wrote_it_is_refused_anywhere() -> None:
    with pytest.raises(
        Refused, match=r"carries bytecode at config\.a\.b, in the form of old Keras"
    ):
        audit.needs(node("Own", "acme", config={"a": {"b": BYTECODE}}))


@pytest.mark.parametrize("name", ["StringLookup", "IntegerLookup", "TextVectorization"])
@pytest.mark.parametrize("key", ["vocabulary", "idf_weights"])
def test_a_vocabulary_that_is_a_path_is_refused(name: str, key: str) -> None:
    for path in ("/etc/passwd", "words.txt", "https://example.org/words"):
        with pytest.raises(Refused, match=f"the {key} of {name} at the model is the path"):
            audit.needs(node(name, config={key: path}))


def test_in_a_class_of_the_users_only_what_looks_like_a_path_is_refused() -> None:
    assert audit.needs({**OWN, "config": {"vocabulary": "small"}})
    for path in ("/etc/passwd", "..", "~root", "s3://bucket/x", "C:\\x"):
        with pytest.raises(Refused, match="is the path"):
            audit.needs({**OWN, "config": {"vocabulary": path}})


def test_types_of_tensorflow_are_refused() -> None:
    spec = {"class_name": "__typespec__", "spec_name": "X", "module": "os", "config": []}
    with pytest.raises(Refused, match="a type of TensorFlow's at the model"):
        audit.needs(spec)


class TestTheManifest:
    DECLARED = Need(name="acme>Own", class_name="Own", module="acme", qualname="Own", where=("a",))

    def test_says_where_a_need_comes_from(self) -> None:
        assert audit.needs({"a": OWN}, [self.DECLARED]) == (self.DECLARED,)

    def test_may_claim_less_and_hides_nothing(self) -> None:
        needs = audit.needs({"a": OWN, "b": node("Other", "evil")}, [self.DECLARED])
        assert [need.name for need in needs] == ["acme>Own", "Other"]

    @pytest.mark.parametrize(
        "config",
        [
            {"b": OWN},
            {"a": node("Dense")},
            {"a": function("relu")},
            {"a": {**OWN, "registered_name": "acme>Else"}},
            {"a": {**OWN, "module": "evil"}},
            {"a": "acme>Else"},
        ],
    )
    def test_may_not_claim_what_the_config_has_not(self, config: dict[str, Any]) -> None:
        with pytest.raises(Damaged, match="the manifest declares acme>Own from acme at a, where"):
            audit.needs(config, [self.DECLARED])

    def test_may_tell_of_names_in_plain_text(self) -> None:
        assert audit.needs({"a": "acme>Own"}, [self.DECLARED]) == (self.DECLARED,)

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ('{"config": "acme>Own"}', "acme>Own"),
            ('{"inner": "{\\"config\\": \\"acme>Own\\"}"}', "acme>Own"),
            (json.dumps({"config": "acme>Größe"}), "acme>Größe"),
            (json.dumps({"inner": json.dumps({"config": "acme>Größe"})}), "acme>Größe"),
            ("config: acme>Own\n", "acme>Own"),
        ],
    )
    def test_may_tell_of_names_in_configs_written_as_text(self, text: str, name: str) -> None:
        need = Need(name=name, module="acme", where=("a",))
        assert audit.needs({"a": text}, [need]) == (need,)

    @pytest.mark.parametrize("name", ["float", "Own", "32", "", "acme"])
    def test_may_not_tell_of_parts_of_names(self, name: str) -> None:
        need = Need(name=name, module="acme", where=("a",))
        with pytest.raises(Damaged, match="the manifest declares"):
            audit.needs({"a": "float32 acme>Own"}, [need])
        with pytest.raises(Damaged, match="the manifest declares"):
            audit.needs({"a": node("Dense")}, [need])

    def test_may_not_make_a_lambda_something_else_or_something_else_a_lambda(self) -> None:
        raw = {"class_name": "__lambda__", "config": {"value": ["4w" + "A" * 40, None, None]}}
        assert [need.kind for need in audit.needs({"a": raw})] == ["lambda"]
        for kind in ("function", "lambda"):
            need = Need(name="<lambda>", kind=kind, module="acme", qualname="f", where=("a",))
            with pytest.raises(Damaged, match="the manifest declares <lambda> from acme at a"):
                audit.needs({"a": raw}, [need])
        need = Need(name="Own", kind="lambda", module="keras_hub", qualname="Own", where=("a",))
        with pytest.raises(Damaged, match="the manifest declares Own from keras_hub at a"):
            audit.needs({"a": node("Own", "keras_hub")}, [need])

    def test_may_not_declare_one_place_twice_or_none(self) -> None:
        with pytest.raises(Damaged, match="two custom objects for one place"):
            audit.needs({"a": OWN}, [self.DECLARED, self.DECLARED])
        nowhere = Need(name="x")
        with pytest.raises(Damaged, match="declares x, and nothing uses it"):
            audit.needs({}, [nowhere])


def test_what_the_writer_had_and_this_keras_calls_by_another_name_is_allowed() -> None:
    old = node("OrthogonalInitializer", "keras.initializers")
    assert audit.needs(old, written_by="3.6.0") == ()
    for version in (None, "3.15.1", "nonsense", "99", ["3.6"]):
        with pytest.raises(Refused, match="OrthogonalInitializer"):
            audit.needs(old, written_by=version)


def test_a_config_made_to_fill_memory_does_not() -> None:
    import tracemalloc

    config = {
        "class_name": "Dense",
        "module": "keras.layers",
        "config": {"k" * 100_000: [0] * 10_000},
    }
    allowlist.allowed()
    tracemalloc.start()
    assert audit.needs(config) == ()
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_what_almost_looks_like_bytecode_takes_no_time() -> None:
    """Seen in the time of the whole run: trying every split of the blanks takes an hour."""
    audit.needs({"a": ["4w" + " " * 1_000_000 + "!", None, None]})


def test_the_place_of_what_is_below_a_long_key_is_short_and_its_own() -> None:
    keys = ["k" * 1_000_000 + end for end in "ab"]
    needs = audit.needs({key: [OWN, node("B", "acme")] for key in keys})
    places = [place for need in needs for place in need.where]
    assert len(set(places)) == 4
    assert max(map(len, places)) < 200
    declared = Need(name="acme>Own", module="acme", where=(places[0],))
    assert audit.needs({keys[0]: [OWN]}, [declared]) == (declared,)


def test_deep_and_wide_configs_give_an_answer() -> None:
    deep: Any = "x"
    for _ in range(50_000):
        deep = [deep]
    assert audit.needs(deep) == ()
    assert len(audit.needs([node("Own", "acme") for _ in range(20_000)])) == 1


def test_auditing_imports_no_framework() -> None:
    code = (
        "from bundlekit_keras import audit; import sys\n"
        "audit.needs({'class_name': 'A', 'config': {}})\n"
        "assert not {'keras', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
