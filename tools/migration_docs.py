"""Writes `docs/migration.md` from the table of the migration: `python tools/migration_docs.py`."""

from __future__ import annotations

from pathlib import Path

from bundlekit_keras.legacy import activations, table
from bundlekit_keras.legacy.rules import Converted, Dropped, Limited, Renamed, Rule
from bundlekit_keras.legacy.tensorflow_functions import FUNCTIONS

TARGET = Path(__file__).parent.parent / "docs" / "migration.md"

_INTRODUCTION = """# Configs of older Keras

Keras 3.15 does not read every config that Keras 2, `tf_keras` and Keras 3.0 to 3.14 wrote.
`bundlekit_keras.legacy.modern(config, written_by=…)` turns a config of a `.keras` file, of an H5
file or of `to_json()` into the form that it reads, and `modern_compile_config` the arguments of
`compile`. Both turn data into data: they import no framework and nothing that a config names, and
leave what they are given as it is. Migrating twice changes nothing more.

What a user wrote is left as it is: its classes and functions are asked for under the names that
they are registered under. Bytecode of lambdas is left for the audit, which refuses it.

## What is put right everywhere

- Names without a module, and modules inside of Keras that have moved, become public ones. What a
  bare name means follows from where it stands: `Identity` is a layer, or an initializer.
- Connections between layers in the lists of Keras 2 become arguments, tensors among keyword
  arguments included. States that were passed in one list with a sequence become `initial_state`.
- Calls of nested models are counted as Keras 3 counts them. One input or output in a list of one,
  as Keras before 3.11 wrote it, comes out of the list.
- A first layer that tells its own input shape gets an input before it. `/` in the name of a layer
  becomes `_`, as `layer_name` says, which whoever looks up weights by names needs to know.
- Operations that Keras 3 wrote into H5 files without a module, such as those of masks, get it.
- Metrics that Keras 2 wrote for several outputs lose the names of the outputs, given
  `output_names`. `null` for `run_eagerly`, `steps_per_execution` and `jit_compile` becomes what it
  meant.

Weights are not touched. Those of `Normalization` count only after `finalize_state()`.

## What is refused

A `NotRestorable` names the layer, the argument and its value (`layer`, `argument`, `value`,
`where`). The real Keras 2 reads such a file; its weights can be saved from there. Training that
would go on another way is refused by `modern_compile_config` alone: take `compile_config` out of a
config to have the model without it.
"""


def page() -> str:
    """Give the whole page."""
    parts = [_INTRODUCTION, "## Classes that are refused\n", "| class | why |\n|---|---|"]
    parts += [f"| `{name}` | {why} |" for name, why in sorted(table.GONE.items())]
    parts += [f"| `{name}` | {why} |" for name, why in sorted(table.CHANGED.items())]
    parts += ["\n## Arguments\n", "| class | argument | what becomes of it |\n|---|---|---|"]
    for full, rules in (*table.KINDS.items(), *table.CLASSES.items()):
        name = f"`{full}`" if full not in table.KINDS else f"every {full}"
        parts += [f"| {name} | `{key}` | {_said(rule)} |" for key, rule in rules.items()]
    kept = ", ".join(f"`{name}`" for name in activations.ANOTHER)
    parts.append(f"\nActivations that meant something else are built from layers: {kept}.")
    parts.append("\n## Functions of TensorFlow that become operations\n")
    parts.append(", ".join(f"`tf.{name}`" for name in sorted(FUNCTIONS)) + ".")
    parts.append("\nSlices are taken too; every other function, method and property is refused.\n")
    return "\n".join(parts)


def _said(rule: Rule) -> str:
    if isinstance(rule, Renamed):
        return f"is `{rule.to}`"
    if isinstance(rule, Converted):
        return rule.how
    if isinstance(rule, Limited):
        return f"refused if {_any(rule.refused)}: {rule.because}"
    assert isinstance(rule, Dropped)  # noqa: S101
    if rule.harmless is None:
        return "left out; it changes no output"
    return f"left out if {_any(rule.harmless)}, else refused: {rule.because}"


def _any(values: tuple[object, ...]) -> str:
    return " or ".join(f"`{value!r}`" for value in values)


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
