"""What became of each weight when weights were loaded into a model that exists."""

from __future__ import annotations

from dataclasses import dataclass

_HEADS = ("", "stored", "variable", "stored as", "variable is")


@dataclass(frozen=True, kw_only=True)
class Weight:
    """One weight: where it is stored, where it belongs, and what each side is.

    What one side does not have is `None`.
    """

    stored_path: str | None = None
    """Where it is stored, such as `layers/dense_2/vars/0`."""
    variable_path: str | None = None
    """What the model calls the variable, such as `dense_2/kernel`."""
    stored_shape: tuple[int, ...] | None = None
    variable_shape: tuple[int, ...] | None = None
    stored_dtype: str | None = None
    variable_dtype: str | None = None


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """What was loaded, what was not, and why; `print` shows it as a table.

    Example:
        >>> report = LoadReport(matched=(Weight(stored_path="vars/0", variable_path="scale"),))
        >>> report.complete
        True
    """

    matched: tuple[Weight, ...] = ()
    """Stored and loaded."""
    missing: tuple[Weight, ...] = ()
    """Variables that nothing is stored for; they keep their values."""
    unexpected: tuple[Weight, ...] = ()
    """Stored, and no variable of the model's."""
    mismatched: tuple[Weight, ...] = ()
    """Stored, and of another shape or dtype than the variable, which keeps its value."""
    optimizer: str = "none stored"
    """What became of the optimizer's state: `restored`, or why not."""

    @property
    def complete(self) -> bool:
        """Whether everything that is stored, and every variable, was matched."""
        return not (self.missing or self.unexpected or self.mismatched)

    def __str__(self) -> str:
        rows = [_HEADS]
        for kind in ("mismatched", "missing", "unexpected", "matched"):
            rows.extend(_row(kind, weight) for weight in getattr(self, kind))
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        counts = ", ".join(
            f"{len(getattr(self, kind))} {kind}"
            for kind in ("matched", "missing", "unexpected", "mismatched")
        )
        return "\n".join([*lines, f"{counts}; optimizer: {self.optimizer}"])


def _row(kind: str, weight: Weight) -> tuple[str, str, str, str, str]:
    return (
        kind,
        weight.stored_path or "-",
        weight.variable_path or "-",
        _spec(weight.stored_dtype, weight.stored_shape),
        _spec(weight.variable_dtype, weight.variable_shape),
    )


def _spec(dtype: str | None, shape: tuple[int, ...] | None) -> str:
    return "-" if shape is None else f"{dtype}[{', '.join(map(str, shape))}]"
