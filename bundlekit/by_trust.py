"""Needs that no object fulfils: operations of a program, and lambdas that a config carries.

Nobody can give them; they run where the caller allows it, or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit.errors import Refused
from bundlekit.missing import refused_ops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bundlekit.need import Need
    from bundlekit.trust import Trust


def alone(need: Need) -> bool:
    """Tell whether a need is one of trust, and not of an object."""
    return need.is_op or is_raw_lambda(need)


def is_raw_lambda(need: Need) -> bool:
    """Tell whether a need is a lambda that the config carries, as bytecode."""
    return need.kind == "lambda" and not need.code


def allows(need: Need, trust: Trust) -> bool:
    """Tell whether the caller allows it."""
    return need.name in trust.ops if need.is_op else trust.code


def require(needs: Sequence[Need], trust: Trust) -> None:
    """Make sure that all of them are allowed without which nothing is restored.

    Raises:
        Refused: listing the operations, or the lambdas, that are not.
    """
    wanted = [need for need in needs if alone(need) and not need.optional]
    ops = [need for need in wanted if need.is_op and not allows(need, trust)]
    if ops:
        raise refused_ops(ops, trust)
    lambdas = [where for need in wanted if is_raw_lambda(need) for where in need.where]
    if lambdas and not trust.code:
        raise Refused(
            f"the config carries a lambda at {', '.join(lambdas)}: its bytecode would be executed; "
            f"if you trust whoever wrote it, pass trust=Trust(code=True), or ask for a model with "
            f"a named function instead",
            where=tuple(lambdas),
        )
