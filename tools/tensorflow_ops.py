"""Write the allowlist of TensorFlow's operations, `adapters/bundlekit_tensorflow/ops.txt`.

    python tools/tensorflow_ops.py            # from the installed TensorFlow
    python tools/tensorflow_ops.py --check    # the installed TensorFlow against the checked-in data

The whole rule is in this file. An operation is on the list if all of this holds:

* TensorFlow offers it to users (`tf.raw_ops`): what the runtime and its tests use among themselves
  is not in a model.
* None of its inputs or outputs is a reference variable of TensorFlow 1.
* None of its inputs and attributes is called after a file, a path or a program: such an operation
  opens what it is given, or runs it.
* Its name matches none of `_REFUSED`, families that are more than computation: they read and write
  files, print, talk to others, run Python, hold programs or devices, wait.
* It has no effect but its result (TensorFlow calls that stateless), or it is one of `_STATEFUL`:
  variables, tables, control flow, random numbers, arrays of tensors.

What is not on the list runs only where the caller names it in `Trust(ops=[…])`. The list is not
a sandbox: it says that a graph computes, not that each kernel is free of faults. Read through the
rule again before the data are written from a newer TensorFlow; the difference is short.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "adapters" / "bundlekit_tensorflow" / "ops.txt"

_REFUSED = {
    "the runtime's own": r"^_",
    "input pipelines: they read files, and wait": (
        r"Dataset|Iterator|Reader|RecordInput|^GetElementAtIndex$|^GetOptions$|^WindowOp$"
        r"|^ComputeBatchSize$|^Batch$|^Unbatch|^BatchFunction$"
    ),
    "they wait for others": (
        r"Queue|Barrier|Accumulator|^Stage|Unstage|^Map(Clear|Peek|Size|Stage|Inc)|^OrderedMap"
    ),
    "they write what they are given, some to files and servers": (
        r"Summary|^Print|Debug|^Copy|DumpTensor|CustomAggregator|Calibration"
    ),
    "they talk to other machines": (
        r"Send$|Recv|^Rpc|Remote|Collective|Nccl|AllReduce|AllGather|AllScatter|AllToAll"
        r"|ReduceScatter"
    ),
    "of devices that a model does not bring": (
        r"^DTensor|^Relayout|^CopyToMesh|TPU|Tpu|Prelinearize|Infeed|Outfeed|HostConst|CheckPinned"
    ),
    "programs in another language, or functions under names of their own": (
        r"^Xla|^Mlir|PyFunc|Proto|Trt|TRT|Tfrc|^MapDefun$|^SymbolicGradient$|^For$"
    ),
    "files": (
        r"^Restore|^Save|ShardedFile|MatchingFiles|^ReadFile|^WriteFile|^ImmutableConst$"
        r"|Checkpoints"
    ),
    "they make any object of bytes": (
        r"^ParseTensor$|^Deserialize|CompositeTensorVariant|[Cc]ompress|SessionHandle"
    ),
    "training of other kinds of models, tried by nobody here": (
        r"^Sdca|^BoostedTrees|Sparse[Cc]ore|MinibatchesInCsr|DedupData|^KMC2|^Kmeans"
    ),
    "trials, placeholders, and one that ends the process": (
        r"^Risc|^Experimental|^Dummy|^FakeQueue|^Stub|^Test|^Abort$|^Fact$|GetDeadline"
    ),
}
"""Families that are refused: the reason, and a regular expression on the name."""

_STATEFUL = {
    "variables": (
        r"^VarHandleOp$|^(Read|Assign|AssignAdd|AssignSub)VariableOp$|^VarIsInitializedOp$"
        r"|^DestroyResourceOp$|^VariableShape$|^DisableCopyOnRead$|^IsResourceHandleRefCounting$"
        r"|^Resource(Gather|GatherNd|CountUpTo|StridedSliceAssign|Scatter\w+|(Sparse)?Apply\w+)$"
    ),
    "tables that are filled from tensors": (
        r"^(Anonymous)?(HashTable|MutableHashTable|MutableHashTableOfTensors|MutableDenseHashTable)"
        r"(V2)?$|^InitializeTableV2$|^LookupTable(Export|Find|Import|Insert|Remove|Size)V2$"
    ),
    "control flow; what it calls is looked at too": r"^(If|Case|While|StatefulPartitionedCall)$",
    "random numbers": (
        r"^(RandomUniform|RandomUniformInt|RandomStandardNormal|TruncatedNormal|RandomShuffle"
        r"|RandomGamma|RandomPoisson(V2)?|Multinomial|ParameterizedTruncatedNormal|RandomCrop"
        r"|Stateful\w+|Rng(Skip|ReadAndSkip)|NonDeterministicInts|StatelessRandomGetAlg"
        r"|SampleDistortedBoundingBox(V2)?"
        r"|(All|LogUniform|LearnedUnigram|ThreadUnsafeUnigram|Uniform)CandidateSampler)$"
    ),
    "arrays of tensors": r"^TensorArray(V3|\w+V3|GradWithShape)$",
    "recurrent layers on a graphics card": r"^CudnnRNN",
    "computation that TensorFlow does not want to be folded": (
        r"^(Assert|CheckNumerics(V2)?|Empty|DeepCopy|GuaranteeConst|DeviceIndex)$"
    ),
    "what Keras 2 leaves in the function that it adapted a layer with; the operations that would "
    "make an iterator are refused": r"^IteratorGetNext$",
}
"""Operations with a state that are allowed all the same: what they are, and their names."""

_OPENS = re.compile(r"file|path|url|address|module|program|graph_def|descriptor|vocab|shared_lib")
_HOLDS = frozenset({"string", "func", "list(string)"})


def collect() -> dict[str, Any]:
    """Give the definitions of the operations of the installed TensorFlow, by name."""
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session

    found = op_def_pb2.OpList()
    found.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    return {op.name: op for op in found.op}


def allowed(ops: dict[str, Any]) -> list[str]:
    """Give the names of those that are on the list, sorted."""
    import tensorflow as tf

    offered = set(dir(tf.raw_ops))
    return sorted(name for name, op in ops.items() if name in offered and _is_allowed(op))


def _is_allowed(op: Any) -> bool:
    if any(arg.is_ref for arg in (*op.input_arg, *op.output_arg)):
        return False
    if any(re.search(pattern, op.name) for pattern in _STATEFUL.values()):
        return True
    if op.is_stateful or any(re.search(pattern, op.name) for pattern in _REFUSED.values()):
        return False
    named = [arg.name for arg in op.input_arg]
    named += [attr.name for attr in op.attr if attr.type in _HOLDS]
    return not any(_OPENS.search(name) for name in named)


def write() -> None:
    """Write the data file."""
    header = [
        "# TensorFlow's operations that a SavedModel may hold without being trusted.",
        "# Written by tools/tensorflow_ops.py, which holds the rule. Do not edit.",
    ]
    DATA.write_text("\n".join([*header, *allowed(collect())]) + "\n", encoding="utf-8")


def check() -> int:
    """Compare the checked-in data with the installed TensorFlow; print the difference."""
    from bundlekit_tensorflow.operations import allowed as checked_in

    lines = difflib.unified_diff(
        sorted(checked_in()), allowed(collect()), "checked in", "installed", "", "", 0, ""
    )
    difference = list(lines)
    sys.stdout.writelines(f"{line}\n" for line in difference)
    return 1 if difference else 0


def main() -> int:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description="Write the allowlist of TensorFlow's operations.")
    parser.add_argument("--check", action="store_true", help="compare with the installed one")
    if parser.parse_args().check:
        return check()
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
