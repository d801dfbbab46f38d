"""Programs that do more than compute are refused before TensorFlow is imported."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import bundlekit
from bundlekit import Damaged, LimitExceeded, Refused, Trust
from tests.tensorflow_adapter.repacked import (
    PROGRAM,
    artifact,
    changed,
    members,
    module,
    unbundled_elsewhere,
)

if TYPE_CHECKING:
    from pathlib import Path


def nested_read(path: Any) -> Any:
    import tensorflow as tf

    @tf.function
    def inner(path: Any) -> Any:
        return tf.io.read_file(path)

    return inner(path)


def branch_read(path: Any) -> Any:
    import tensorflow as tf

    return tf.cond(tf.strings.length(path) > 3, lambda: tf.io.read_file(path), lambda: path)


def loop_read(path: Any) -> Any:
    import tensorflow as tf

    return tf.while_loop(
        lambda n, _: n < 2, lambda n, text: (n + 1, tf.io.read_file(text)), [0, path]
    )[1]


def writing(path: Any) -> Any:
    import tensorflow as tf

    with tf.control_dependencies([tf.io.write_file(path, "x")]):
        return tf.identity(path)


def python(path: Any) -> Any:
    import tensorflow as tf

    return tf.py_function(lambda text: text, [path], tf.string)


def printing(path: Any) -> Any:
    import tensorflow as tf

    tf.print(path)
    return path


def restoring(path: Any) -> Any:
    import tensorflow as tf

    return tf.raw_ops.RestoreV2(
        prefix=path, tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.string]
    )[0]


def saving(path: Any) -> Any:
    import tensorflow as tf

    tf.raw_ops.SaveV2(
        prefix=path, tensor_names=["x"], shape_and_slices=[""], tensors=[tf.constant("x")]
    )
    return path


PROGRAMS = {
    "ReadFile": nested_read,
    "ReadFile in a branch": branch_read,
    "ReadFile in a loop": loop_read,
    "WriteFile": writing,
    "EagerPyFunc": python,
    "PrintV2": printing,
    "RestoreV2": restoring,
    "SaveV2": saving,
}


@pytest.fixture(scope="module")
def honest() -> bytes:
    return module(run=lambda path: path + "!")


@pytest.fixture(scope="module")
def programs() -> dict[str, bytes]:
    return {name: module(run=function) for name, function in PROGRAMS.items()}


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_operation_that_is_on_no_list_is_refused_by_name(
    name: str, programs: dict[str, bytes]
) -> None:
    with pytest.raises(Refused, match=name.split()[0]) as caught:
        bundlekit.unbundle(programs[name])
    op = name.split()[0]
    assert op in caught.value.ops  # type: ignore[attr-defined]
    assert "the main graph" not in caught.value.where[op]  # type: ignore[attr-defined]


def test_all_operations_are_listed_at_once_with_the_line_that_would_do() -> None:
    data = module(read=nested_read, show=printing)
    with pytest.raises(Refused, match="ReadFile") as caught:
        bundlekit.unbundle(data)
    line = str(caught.value).rpartition("pass trust=")[2]
    assert 'ops=["PrintV2", "ReadFile"]' in line
    trust = eval(line, {"Trust": Trust})
    assert bundlekit.unbundle(data, trust=trust).signatures is not None


def test_trust_of_one_operation_is_not_trust_of_another(programs: dict[str, bytes]) -> None:
    with pytest.raises(Refused, match=r'ops=\["ReadFile", "WriteFile"\]'):
        bundlekit.unbundle(programs["WriteFile"], trust=Trust(ops=["ReadFile"]))
    model = bundlekit.unbundle(programs["PrintV2"], trust=Trust(ops=["PrintV2"]))
    assert model.predict("x") == {"output_0": b"x"}


def test_verify_names_operations_as_needs_and_the_command_line_how_to_allow_them(
    programs: dict[str, bytes], tmp_path: Path
) -> None:
    (need,) = bundlekit.verify(programs["PrintV2"]).needs
    assert (need.name, need.kind, need.is_op) == ("PrintV2", "op", True)
    path = tmp_path / "prints.bundle"
    path.write_bytes(programs["PrintV2"])
    command = [sys.executable, "-m", "bundlekit", "inspect", str(path)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "the operation PrintV2 in __inference" in shown.replace("\n", " ")
    assert 'trust=Trust(ops=["PrintV2"])' in shown


def rename_op(graph: Any, op: str) -> None:
    function = next(f for f in graph.graph_def.library.function if f.signature.name in run(graph))
    function.node_def[-1].op = op


def run(graph: Any) -> set[str]:
    return set(graph.object_graph_def.concrete_functions)


@pytest.mark.parametrize("op", ["AcmeOp", "", "ReadFile", "matmul", "MatMul "])
def test_an_unknown_operation_is_refused(op: str, honest: bytes) -> None:
    with pytest.raises(Refused, match="on no list"):
        bundlekit.unbundle(changed(honest, lambda graph: rename_op(graph, op)))


def test_an_operation_in_the_main_graph_is_refused(honest: bytes) -> None:
    def change(graph: Any) -> None:
        graph.graph_def.node.add(name="x", op="ReadFile", input=["Const"])

    with pytest.raises(Refused, match=r"ReadFile, in the main graph"):
        bundlekit.unbundle(changed(honest, change))


def test_an_operation_in_a_function_that_nobody_calls_is_refused(honest: bytes) -> None:
    def change(graph: Any) -> None:
        function = graph.graph_def.library.function.add()
        function.signature.name = "nobody"
        function.node_def.add(name="x", op="ReadFile")

    with pytest.raises(Refused, match=r"ReadFile, in nobody"):
        bundlekit.unbundle(changed(honest, change))


class TestSaver:
    """What the SavedModel registers as its saver may save, and nothing else."""

    def saver(self, graph: Any) -> tuple[Any, Any]:
        name = graph.saver_def.restore_op_name
        node = next(n for n in graph.graph_def.node if n.name == name)
        called = node.attr["f"].func.name
        return node, next(f for f in graph.graph_def.library.function if f.signature.name == called)

    @pytest.fixture(scope="class")
    @classmethod
    def variables(cls) -> bytes:
        import tensorflow as tf

        made = tf.Module()
        made.variable = tf.Variable([1.0, 2.0])
        made.run = tf.function(lambda x: x * made.variable, input_signature=[tf.TensorSpec([2])])
        return bytes(bundlekit.bundle(made, "tf-savedmodel"))

    def test_it_may(self, variables: bytes) -> None:
        assert bundlekit.verify(variables).needs == ()
        assert b"RestoreV2" in members(variables)[PROGRAM]

    def test_where_a_signature_can_fetch_it_it_is_no_saver(self, variables: bytes) -> None:
        def change(graph: Any) -> None:
            graph.signature_def["serving_default"].outputs[
                "y"
            ].name = graph.saver_def.save_tensor_name

        with pytest.raises(Refused, match="SaveV2"):
            bundlekit.unbundle(changed(variables, change))

    def test_where_another_node_waits_for_it_it_is_no_saver(self, variables: bytes) -> None:
        def change(graph: Any) -> None:
            graph.graph_def.node.add(
                name="x", op="NoOp", input=["^" + graph.saver_def.restore_op_name]
            )

        with pytest.raises(Refused, match="RestoreV2"):
            bundlekit.unbundle(changed(variables, change))

    def test_where_the_object_graph_offers_its_function_it_is_no_saver(
        self, variables: bytes
    ) -> None:
        def change(graph: Any) -> None:
            _, function = self.saver(graph)
            graph.object_graph_def.concrete_functions[function.signature.name].SetInParent()

        with pytest.raises(Refused, match="RestoreV2"):
            bundlekit.unbundle(changed(variables, change))

    def test_where_another_function_calls_it_it_is_no_saver(self, variables: bytes) -> None:
        def change(graph: Any) -> None:
            node, _ = self.saver(graph)
            name = sorted(run(graph))[0]
            caller = next(f for f in graph.graph_def.library.function if f.signature.name == name)
            caller.node_def.add().CopyFrom(node)

        with pytest.raises(Refused, match="RestoreV2"):
            bundlekit.unbundle(changed(variables, change))

    @pytest.mark.parametrize("where", ["gradient", "text"])
    def test_where_it_is_named_in_passing_it_is_no_saver(
        self, where: str, variables: bytes
    ) -> None:
        def change(graph: Any) -> None:
            _, function = self.saver(graph)
            name = function.signature.name
            if where == "gradient":
                graph.graph_def.library.gradient.add(function_name="f", gradient_func=name)
            else:
                graph.graph_def.node[0].attr["_forward_function_name"].s = name.encode()

        with pytest.raises(Refused, match="RestoreV2"):
            bundlekit.unbundle(changed(variables, change))

    def test_a_file_of_its_own_choice_is_refused(self, variables: bytes) -> None:
        def change(graph: Any) -> None:
            _, function = self.saver(graph)
            chosen = function.node_def.add(name="chosen", op="Const")
            chosen.attr["value"].tensor.string_val.append(b"/etc/marker")
            chosen.attr["value"].tensor.dtype = 7
            next(n for n in function.node_def if n.op == "RestoreV2").input[0] = "chosen:output:0"

        with pytest.raises(Refused, match="RestoreV2"):
            bundlekit.unbundle(changed(variables, change))

    def test_a_name_of_a_saver_is_not_enough(self) -> None:
        def _traced_save(path: Any) -> Any:
            return saving(path)

        with pytest.raises(Refused, match="SaveV2, in __inference__traced_save_"):
            bundlekit.unbundle(module(run=_traced_save))


class TestAssets:
    """Tables are filled from files of the SavedModel, and no others."""

    @pytest.fixture(scope="class")
    @classmethod
    def table(cls, tmp_path_factory: pytest.TempPathFactory) -> bytes:
        import tensorflow as tf

        words = tmp_path_factory.mktemp("source") / "words.txt"
        words.write_text("red\ngreen\nblue\n")
        made = tf.Module()
        made.words = tf.saved_model.Asset(str(words))
        rows = tf.lookup.TextFileInitializer(
            made.words.asset_path,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        made.table = tf.lookup.StaticHashTable(rows, -1)
        made.run = tf.function(
            made.table.lookup, input_signature=[tf.TensorSpec([None], tf.string)]
        )
        data = bytes(bundlekit.bundle(made, "tf-savedmodel"))
        words.unlink()
        return data

    def test_an_asset_is_read_and_its_folder_not_needed_any_more(self, table: bytes) -> None:
        assert "assets/words.txt" in members(table)
        model = bundlekit.unbundle(table)
        assert model.predict(["blue", "pink"])["output_0"].tolist() == [2, -1]

    @pytest.mark.parametrize("name", ["../marker", "/etc/marker", "a/../../x", "a\\b", ""])
    def test_a_path_that_leads_out_is_refused(self, name: str, table: bytes) -> None:
        def change(graph: Any) -> None:
            graph.asset_file_def[0].filename = name

        with pytest.raises(Refused, match="name of a file in assets/"):
            bundlekit.unbundle(changed(table, change))

    def test_one_that_is_not_there_is_damage(self, table: bytes) -> None:
        def rename(graph: Any) -> None:
            graph.asset_file_def[0].filename = "other.txt"

        with pytest.raises(Damaged, match=r"there is no assets/other.txt"):
            bundlekit.unbundle(changed(table, rename))

        def renumber(graph: Any) -> None:
            for thing in graph.object_graph_def.nodes:
                if thing.HasField("asset"):
                    thing.asset.asset_file_def_index = 7

        with pytest.raises(Damaged, match="asset number 7"):
            bundlekit.unbundle(changed(table, renumber))

    def test_a_table_of_another_file_is_refused(self, table: bytes) -> None:
        def change(graph: Any) -> None:
            for function in graph.graph_def.library.function:
                for node in function.node_def:
                    if node.op == "InitializeTableFromTextFileV2":
                        chosen = function.node_def.add(name="chosen", op="Const")
                        chosen.attr["value"].tensor.string_val.append(b"/etc/marker")
                        chosen.attr["value"].tensor.dtype = 7
                        node.input[1] = "chosen:output:0"

        with pytest.raises(Refused, match="InitializeTableFromTextFileV2"):
            bundlekit.unbundle(changed(table, change))

    def test_a_function_that_captures_something_else_is_refused(self, table: bytes) -> None:
        def change(graph: Any) -> None:
            objects = graph.object_graph_def
            for function in objects.concrete_functions.values():
                for place, number in enumerate(function.bound_inputs):
                    if objects.nodes[number].HasField("asset"):
                        function.bound_inputs[place] = 0

        with pytest.raises(Refused, match="InitializeTableFromTextFileV2"):
            bundlekit.unbundle(changed(table, change))


class TestDamage:
    def program(self, honest: bytes, data: bytes) -> bytes:
        return artifact({**members(honest), PROGRAM: data})

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"garbage",
            b"\xff" * 20,
            b"\x12\xff\xff\xff\xff\x7f",
            b"\x12\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
            b"\x0b\x0c",
            b"\x00\x01",
            b"\x12\x00",
            b"\x12\x00\x12\x00",
        ],
    )
    def test_what_is_no_saved_model_is_damage(self, data: bytes, honest: bytes) -> None:
        with pytest.raises(Damaged, match=r"saved_model.pb"):
            bundlekit.unbundle(self.program(honest, data))

    def test_every_truncation_is_a_typed_error(self, honest: bytes) -> None:
        program = members(honest)[PROGRAM]
        for end in range(0, len(program), max(1, len(program) // 300)):
            with pytest.raises((Damaged, Refused)):
                bundlekit.verify(self.program(honest, program[:end]))

    def test_a_field_that_stands_twice_is_damage(self, honest: bytes) -> None:
        program = members(changed(honest, lambda graph: None))[PROGRAM]
        meta = program[program.index(b"\x12") :]
        with pytest.raises(Damaged, match="2 graphs"):
            bundlekit.verify(self.program(honest, program + meta))

    def test_a_tensor_of_petabytes_is_refused(self, honest: bytes) -> None:
        def change(graph: Any) -> None:
            node = graph.graph_def.node.add(name="huge", op="Const")
            tensor = node.attr["value"].tensor
            tensor.dtype = 1
            tensor.float_val.append(1.0)
            for _ in range(3):
                tensor.tensor_shape.dim.add(size=100_000)

        with pytest.raises(LimitExceeded, match="more than it stores"):
            bundlekit.verify(changed(honest, change))

    @pytest.mark.parametrize("sizes", [[-5], [1] * 300])
    def test_a_tensor_of_an_impossible_shape_is_damage(
        self, sizes: list[int], honest: bytes
    ) -> None:
        def change(graph: Any) -> None:
            tensor = graph.graph_def.node.add(name="odd", op="Const").attr["value"].tensor
            for size in sizes:
                tensor.tensor_shape.dim.add(size=size)

        with pytest.raises(Damaged, match="a constant of the shape"):
            bundlekit.verify(changed(honest, change))

    def test_nesting_without_end_is_refused(self, honest: bytes) -> None:
        def change(graph: Any) -> None:
            attr = graph.graph_def.node.add(name="deep", op="NoOp").attr["f"]
            for _ in range(60):
                attr.func.name = ""
                attr = attr.func.attr["f"]

        with pytest.raises(LimitExceeded, match="deeper than 32"):
            bundlekit.verify(changed(honest, change))

    @pytest.mark.parametrize("kind", ["resource", "variant"])
    def test_a_handle_to_something_in_memory_is_refused(self, kind: str, honest: bytes) -> None:
        def change(graph: Any) -> None:
            tensor = graph.graph_def.node.add(name="x", op="Const").attr["value"].tensor
            if kind == "resource":
                tensor.resource_handle_val.add(name="another model's")
            else:
                tensor.variant_val.add(type_name="anything")

        with pytest.raises(Refused, match="stands for something in memory"):
            bundlekit.verify(changed(honest, change))

    def test_a_call_of_what_is_not_there_is_damage(self, honest: bytes) -> None:
        def change(graph: Any) -> None:
            node = graph.graph_def.node.add(name="x", op="PartitionedCall")
            node.attr["f"].func.name = "of_another_model"

        with pytest.raises(Damaged, match="calls the function 'of_another_model'"):
            bundlekit.verify(changed(honest, change))

    @pytest.mark.parametrize("what", ["function", "node"])
    def test_two_of_one_name_are_damage(self, what: str, honest: bytes) -> None:
        def change(graph: Any) -> None:
            library = graph.graph_def.library
            twice = library.function if what == "function" else graph.graph_def.node
            twice.add().CopyFrom(twice[0])

        with pytest.raises(Damaged, match="two functions|two nodes"):
            bundlekit.verify(changed(honest, change))

    def test_a_file_of_another_form_is_damage(self, honest: bytes) -> None:
        for path in ("saved_model.pbtxt", "saved_model.cpb", "model/saved_model.pb"):
            with pytest.raises(Damaged, match="no member of the adapter"):
                bundlekit.verify(artifact({**members(honest), path: b""}))

    def test_a_program_of_tensorflow_1_is_refused(self, honest: bytes) -> None:
        with pytest.raises(Damaged, match="TensorFlow 1 wrote it"):
            bundlekit.verify(changed(honest, lambda graph: graph.ClearField("object_graph_def")))


def test_refused_before_tensorflow_is_imported_and_nothing_is_opened(
    programs: dict[str, bytes], honest: bytes, tmp_path: Path
) -> None:
    """The honest one comes last: it is restored, so the reader does import TensorFlow."""
    cases = {name.replace(" ", "_"): data for name, data in programs.items()}
    cases["unknown"] = changed(honest, lambda graph: rename_op(graph, "AcmeOp"))
    cases["damaged"] = artifact({**members(honest), PROGRAM: b"\x12\x05"})
    cases["honest"] = honest
    found = unbundled_elsewhere(tmp_path, cases)
    assert found.pop("honest") == ("restored", True)
    assert found.pop("marker") == ([], False)
    assert found.pop("damaged") == ("Damaged", False)
    assert set(found.values()) == {("Refused", False)}


def test_verifying_a_model_does_not_import_tensorflow(
    trained: tuple[Any, Any, Any], tmp_path: Path
) -> None:
    path = tmp_path / "model.bundle"
    bundlekit.dump(trained[0], path, "tf-savedmodel")
    code = "import bundlekit, sys; bundlekit.verify(sys.argv[1]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    assert not {"tensorflow", "keras", "tf_keras", "numpy", "google.protobuf"} & loaded
