"""SavedModels with something changed in them, as artifacts; and in an interpreter of their own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bundlekit
from bundlekit import manifest as manifests
from bundlekit.artifact import Artifact
from bundlekit.source import MemorySource
from bundlekit.writing import Content, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


PROGRAM, METADATA = "saved_model.pb", "keras_metadata.pb"


def members(data: bytes) -> dict[str, bytes]:
    artifact = Artifact(MemorySource(data))
    return {m.path: bytes(artifact.read(m.path)) for m in artifact.manifest.members}


def artifact(files: Mapping[str, bytes], **fields: Any) -> bytes:
    """Write files as an artifact of the adapter, with nothing declared but what is given."""
    file = io.BytesIO()
    known = {
        "adapter": "tf-savedmodel",
        "payload_version": 1,
        "distribution": "bundlekit",
        "type": "tensorflow.Module",
        "kind": "module",
        "environment": {},
        **fields,
    }
    contents = {path: Content(data) for path, data in files.items()}
    write(file, contents, lambda found: manifests.build(**known, members=found))
    return file.getvalue()


def changed(data: bytes, change: Callable[[Any], object]) -> bytes:
    """Change the program of an artifact, parsed by TensorFlow's own classes."""
    from tensorflow.core.protobuf import saved_model_pb2

    files = members(data)
    program = saved_model_pb2.SavedModel()
    program.ParseFromString(files[PROGRAM])
    change(program.meta_graphs[0])
    files[PROGRAM] = program.SerializeToString()
    return artifact(files)


def rewritten(data: bytes, change: Callable[[dict[str, Any]], object], path: str = "root") -> bytes:
    """Change what tf_keras wrote of one object."""
    from tf_keras.protobuf import saved_metadata_pb2

    files = members(data)
    metadata = saved_metadata_pb2.SavedMetadata()
    metadata.ParseFromString(files[METADATA])
    for node in metadata.nodes:
        if node.node_path == path:
            config = json.loads(node.metadata)
            change(config)
            node.metadata = json.dumps(config)
    files[METADATA] = metadata.SerializeToString()
    return artifact(files)


def module(**functions: Callable[..., Any]) -> bytes:
    """Bundle a module with these functions of one text, by name."""
    import tensorflow as tf

    made = tf.Module()
    signature = [tf.TensorSpec([], tf.string)]
    for name, function in functions.items():
        setattr(made, name, tf.function(function, input_signature=signature))
    return bytes(bundlekit.bundle(made, "tf-savedmodel"))


_READER = """
import json, sys, warnings
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
import bundlekit
for path in sys.argv[1:]:
    try:
        bundlekit.unbundle(path)
        said = "restored"
    except bundlekit.BundleError as error:
        said = type(error).__name__
    print(json.dumps([path, said, "tensorflow" in sys.modules]))
marker = [path for path in opened if path.rpartition("/")[2] == "marker"]
print(json.dumps(["marker", marker, False]))
"""


def unbundled_elsewhere(folder: Path, cases: Mapping[str, bytes]) -> dict[str, tuple[Any, bool]]:
    """Unbundle each artifact in one fresh interpreter.

    Gives, by name, the type of the error and whether TensorFlow had been imported by then; and as
    `marker` the files of that name that were opened.
    """
    for name, data in cases.items():
        (folder / f"{name}.bundle").write_bytes(data)
    paths = [str(folder / f"{name}.bundle") for name in cases]
    done = subprocess.run(
        [sys.executable, "-c", _READER, *paths], check=True, stdout=subprocess.PIPE, text=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(path).stem: (said, imported) for path, said, imported in lines}
