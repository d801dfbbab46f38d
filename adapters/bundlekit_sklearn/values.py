"""What a skeleton holds, with references followed: dicts, numbers, arrays. It takes numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.errors import Refused
from bundlekit_sklearn import arrays, skeleton

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bundlekit.source import Buffer


class Values:
    """What the nodes of a skeleton mean.

    Args:
        root: the skeleton.
        read: gives what stands beside it, by path.

    Attributes:
        nodes: all nodes that are not plain, with where they are.
        place: where what is looked at is, for what is said of it.
    """

    def __init__(self, root: Any, read: Callable[[str], Buffer]) -> None:
        self._read = read
        self.nodes = list(skeleton.walk(root))
        states = [node["state"] for _, node in self.nodes if isinstance(node.get("state"), dict)]
        everything = [*(node for _, node in self.nodes), *states]
        self._shared = {node["id"]: node for node in everything if "id" in node}
        self.place = ""

    def real(self, node: Any) -> Any:
        """Give what a node refers to, or the node itself."""
        return self._shared[node["ref"]] if isinstance(node, dict) and "ref" in node else node

    def items(self, node: Any, kind: str) -> Sequence[Any]:
        """Give what is in a list or tuple; nothing where it is none."""
        found = self.real(node)
        return found.get(kind, ()) if isinstance(found, dict) else ()

    def dict(self, node: Any) -> Mapping[str, Any]:
        """Give what is in a dict; nothing where it is none."""
        found = self.real(node)
        return found.get("dict", {}) if isinstance(found, dict) else {}

    def state(self, node: Any) -> Mapping[str, Any]:
        """Give the attributes of an object."""
        found = self.real(node)
        return self.dict(found.get("state")) if isinstance(found, dict) else {}

    def data(self, value: Mapping[str, Any]) -> Buffer:
        """Give the bytes of a file."""
        return skeleton.contents(value, self._read)

    def array(self, node: Any) -> Any:
        """Give an array.

        Raises:
            Refused: it is something else.
        """
        found = self.real(node)
        self.require(isinstance(found, dict) and "array" in found, "an array is something else")
        return arrays.array_of(self.data(found))

    def number(self, node: Any) -> int:
        """Give a whole number, Python's or numpy's.

        Raises:
            Refused: it is something else.
        """
        found = self.real(node)
        if isinstance(found, dict) and "array" in found:
            array = self.array(found)
            found = array.item() if array.ndim == 0 else None
        self.require(type(found) is int, "a whole number is something else")
        return int(found)

    def require(self, holds: object, what: str) -> None:
        """Refuse the skeleton where something does not hold.

        Raises:
            Refused: saying what is the case instead.
        """
        if not holds:
            raise Refused(
                f"the estimator at {self.place or 'the top'} was not made by fitting: {what}; "
                f"compiled code would follow it out of its memory",
                place=self.place,
            )


def in_range(indices: Any, size: int) -> bool:
    """Tell whether all of an array are whole numbers from 0, and below a size."""
    return indices.dtype.kind in "iu" and bool(((indices >= 0) & (indices < size)).all())
