"""Each entry of the table does what it says, and what Keras 3 takes stands in none."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest
from bundlekit_keras import allowlist
from bundlekit_keras.legacy import modern, modern_compile_config, names, table
from bundlekit_keras.legacy.rules import Converted, Dropped, Limited, Renamed

from bundlekit.errors import NotRestorable

ENTRIES = [(full, name, rule) for full, of in table.CLASSES.items() for name, rule in of.items()]
OLD_OPTIMIZER = " of keras.optimizers.legacy"


def node(full: str, **config: Any) -> dict[str, Any]:
    module, _, name = full.removesuffix(OLD_OPTIMIZER).rpartition(".")
    home = "keras.optimizers.legacy" if full.endswith(OLD_OPTIMIZER) else f"keras.{module}"
    return {"module": home, "class_name": name, "config": {"name": "it", **config}}


def settled(full: str, **config: Any) -> dict[str, Any]:
    result: dict[str, Any] = modern(node(full, **config), written_by="2.12.0")["config"]
    return result


def ids(entries: list[tuple[str, str, Any]]) -> list[str]:
    return [f"{full}.{name}" for full, name, _ in entries]


def of(kind: type) -> Any:
    entries = [entry for entry in ENTRIES if isinstance(entry[2], kind)]
    return pytest.mark.parametrize(("full", "argument", "rule"), entries, ids=ids(entries))


@of(Dropped)
def test_an_argument_is_dropped_where_it_says_nothing(
    full: str, argument: str, rule: Dropped
) -> None:
    for harmless in rule.harmless or ("anything", None, 3):
        assert settled(full, **{argument: harmless}) == {"name": "it"}


@of(Dropped)
def test_an_argument_that_says_something_is_refused(
    full: str, argument: str, rule: Dropped
) -> None:
    if rule.harmless is None:
        return
    with pytest.raises(NotRestorable, match=rf"has {argument}='telling', and .*tf_keras") as caught:
        settled(full, **{argument: "telling"})
    assert (caught.value.argument, caught.value.value) == (argument, "telling")  # type: ignore[attr-defined]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@of(Renamed)
def test_an_argument_is_renamed(full: str, argument: str, rule: Renamed) -> None:
    assert settled(full, **{argument: 0.25}) == {"name": "it", rule.to: 0.25}


@of(Limited)
def test_a_value_that_means_something_else_is_refused(
    full: str, argument: str, rule: Limited
) -> None:
    for value in rule.refused:
        with pytest.raises(NotRestorable, match=f"has {argument}="):
            settled(full, **{argument: value})
    assert settled(full, **{argument: 0.75}) == {"name": "it", argument: 0.75}


@pytest.mark.parametrize(
    ("full", "before", "after"),
    [
        ("layers.BatchNormalization", {"axis": [3]}, {"axis": 3}),
        ("layers.BatchNormalization", {"axis": 1}, {"axis": 1}),
        ("layers.BatchNormalization", {"renorm": False, "renorm_momentum": 0.9}, {}),
        ("layers.BatchNormalization", {"renorm": True}, {"renorm": True}),
        ("layers.Discretization", {"bins": 4}, {"num_bins": 4}),
        ("layers.Discretization", {"bins": [1.0, 2.0]}, {"bin_boundaries": [1.0, 2.0]}),
        (
            "losses.Hinge",
            {"reduction": "auto", "fn": "hinge"},
            {"reduction": "sum_over_batch_size"},
        ),
        ("losses.Hinge", {"reduction": "sum"}, {"reduction": "sum"}),
        ("optimizers.SGD", {"learning_rate": 0.1, "decay": 0.0}, {"learning_rate": 0.1}),
        ("optimizers.schedules.CosineDecay", {"alpha": 0.1}, {"alpha": 0.1}),
    ],
)
def test_an_argument_is_written_in_another_way(
    full: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert settled(full, **before) == {"name": "it", **after}


def test_a_schedule_without_a_name_gets_the_one_it_has_in_keras_3() -> None:
    assert settled("optimizers.schedules.CosineDecay", name=None) == {}


def test_two_axes_of_batch_normalization_are_refused() -> None:
    with pytest.raises(NotRestorable, match=r"axis=\[1, 2\], and Keras 3 normalises over one"):
        settled("layers.BatchNormalization", axis=[1, 2])


def test_a_decay_is_a_schedule_and_not_one_on_top_of_a_schedule() -> None:
    optimizer = settled("optimizers.SGD", lr=0.1, decay=0.5)
    assert optimizer["learning_rate"]["class_name"] == "InverseTimeDecay"
    schedule = node("optimizers.schedules.CosineDecay", initial_learning_rate=0.1)
    with pytest.raises(NotRestorable, match="schedule on top of a decay"):
        settled("optimizers.SGD", learning_rate=schedule, decay=0.5)


def test_averaged_weights_are_refused() -> None:
    assert settled("optimizers.Adam", use_ema=False) == {"name": "it", "use_ema": False}
    with pytest.raises(NotRestorable, match="use_ema=True"):
        settled("optimizers.Adam", use_ema=True)


@pytest.mark.parametrize("class_name", table.GONE)
def test_a_class_that_is_gone_is_refused_by_name(class_name: str) -> None:
    for more in ({}, {"module": "keras.layers"}, {"module": "tf_keras.src.layers.some"}):
        config = {"class_name": class_name, "config": {"name": "it", "trainable": True}, **more}
        with pytest.raises(NotRestorable, match=f"the config has a {class_name} at the model"):
            modern(config, written_by="2.9.0")


@pytest.mark.parametrize("full", table.CHANGED)
def test_a_class_that_does_something_else_is_refused(full: str) -> None:
    with pytest.raises(NotRestorable, match=full.rpartition(".")[2]):
        settled(full)


def test_what_older_keras_meant_is_nothing_to_newer_keras() -> None:
    random_crop = node("layers.RandomCrop", height=3, width=3)
    assert modern(random_crop, written_by="3.4.0") == random_crop
    gone = {"class_name": "RandomWidth", "config": {"name": "it", "trainable": True}}
    assert modern(gone, written_by="3.4.0")["registered_name"] == "RandomWidth"


def test_no_entry_is_of_an_argument_that_keras_3_takes() -> None:
    import keras

    keeps = {
        ("layers.Discretization", "trainable"),
        ("losses.SparseCategoricalCrossentropy", "ignore_class"),  # dropped where it says nothing
    }
    for full, argument, rule in ENTRIES:
        cls: Any = keras
        for step in full.removesuffix(OLD_OPTIMIZER).split("."):
            cls = getattr(cls, step)
        taken = argument in inspect.signature(cls.__init__).parameters
        assert not taken or isinstance(rule, Limited | Converted) or (full, argument) in keeps


def test_every_class_of_the_table_is_one_of_the_allowlist() -> None:
    for full in (*table.CLASSES, *table.CHANGED):
        assert f"keras.{full.removesuffix(OLD_OPTIMIZER)}" in allowlist.allowed().classes


def test_every_text_of_keras_2_says_something_today() -> None:
    import keras

    for kind, texts in names.CALLED_OTHERWISE.items():
        for old, new in texts.items():
            given = {"loss": old} if kind == "loss" else {"metrics": [old]}
            found = modern_compile_config(given, written_by="2.9.0")
            assert (found.get("loss") or found["metrics"][0]) == new
            assert names.is_known_text(new, kind)
            assert getattr(keras, "losses" if kind == "loss" else "metrics").get(new) is not None
