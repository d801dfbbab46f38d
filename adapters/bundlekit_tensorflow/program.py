"""What a SavedModel's program is made of, as far as it can run or read anything: as values.

Graph and function library are alike, so a node deep in a branch of a function is seen as one of
the main graph is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SAVED_MODEL = "saved_model.pb"
MAIN = "the main graph"


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of a graph."""

    name: str
    op: str
    inputs: tuple[str, ...]
    functions: tuple[str, ...]
    """The functions that it is given as attributes."""


@dataclass(frozen=True)
class Body:
    """The main graph, or a function of the library."""

    name: str
    """What to call it; the main graph has a name that no function can have."""
    nodes: tuple[Node, ...]
    args: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    """The functions that its own attributes name."""

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Its nodes by name."""
        return {node.name: node for node in self.nodes}

    def source(self, tensor: str) -> str:
        """Give the name of the node or argument that a tensor comes from, through identities."""
        seen: set[str] = set()
        name = tensor.partition(":")[0]
        while name in self.by_name and name not in seen:
            seen.add(name)
            node = self.by_name[name]
            if node.op != "Identity" or not node.inputs:
                break
            name = node.inputs[0].partition(":")[0]
        return name


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor of a signature; `None` is a dimension that varies, or a shape that does."""

    tensor: str
    dtype: int
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Saver:
    """The nodes of the main graph that write and read checkpoints when others than Python load."""

    filename: str
    save: str
    restore: str


@dataclass(frozen=True)
class Thing:
    """An object of the object graph."""

    kind: str
    identifier: str
    children: Mapping[str, int]
    functions: tuple[str, ...]
    asset: int | None


@dataclass(frozen=True)
class Program:
    """A SavedModel's graph, functions, and objects."""

    main: Body
    functions: Mapping[str, Body]
    signatures: Mapping[str, tuple[Mapping[str, TensorInfo], Mapping[str, TensorInfo]]]
    saver: Saver
    assets: tuple[tuple[str, str], ...]
    """For each, the tensor of the main graph that names it, and its path below `assets/`."""
    things: tuple[Thing, ...]
    bound: Mapping[str, tuple[int, ...]]
    """For each function that the object graph knows, the objects that it captures, its last
    arguments."""
    spoken: frozenset[str]
    """The functions that are named elsewhere: as gradients of others, or in texts of nodes."""
    tensorflow: str
    """The version of TensorFlow that wrote it, as it claims."""
    tags: tuple[str, ...] = field(default=())

    @cached_property
    def bodies(self) -> tuple[Body, ...]:
        """The main graph and all functions."""
        return (self.main, *self.functions.values())
