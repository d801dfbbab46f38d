"""The options that leave something out: `parts`, `compile`, `optimizer`."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from bundlekit.errors import UnknownOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bundlekit.adapter import Need


def wanted_parts(options: Mapping[str, object], known: Collection[str]) -> frozenset[str]:
    """Give the parts that a caller asks for; none, where it does not ask.

    Raises:
        UnknownOption: there is no such part.
    """
    named = _named(options)
    if named is None or not named <= set(known):
        given = options.get("parts", ())
        raise UnknownOption(
            f"parts={given!r} is not known; this adapter has {', '.join(known)}",
            option="parts",
            found=given,
            known=tuple(known),
        )
    return named


def wanted_arrays(options: Mapping[str, object]) -> frozenset[str]:
    """Give the places whose arrays a caller asks for, `weights` for all; none, if it does not.

    Raises:
        UnknownOption: they are no names, or the config is asked for with them.
    """
    named = _named(options)
    if named is None or ("config" in named and len(named) > 1):
        given = options.get("parts", ())
        raise UnknownOption(
            f"parts={given!r} is not known; it is 'config', or 'weights' or places such as "
            f"'layers/dense', of which the arrays are given",
            option="parts",
            found=given,
        )
    return named - {"config"}


def _named(options: Mapping[str, object]) -> frozenset[str] | None:
    """Give what `parts` names; `None` where it holds no names."""
    given = options.get("parts", ())
    named = (given,) if isinstance(given, str) else given
    if not isinstance(named, Collection) or not all(isinstance(name, str) for name in named):
        return None
    return frozenset(named)


def drops_optimizer(options: Mapping[str, object]) -> bool:
    """Tell whether the state of the optimizer is to be left out, by `optimizer="drop"`.

    Raises:
        UnknownOption: it is another value.
    """
    given = options.get("optimizer", "keep")
    if given not in ("keep", "drop"):
        raise UnknownOption(
            f"optimizer={given!r} is not known; it is 'keep' or 'drop'",
            option="optimizer",
            found=given,
            known=("keep", "drop"),
        )
    return given == "drop"


def keeps_optimizer(options: Mapping[str, object]) -> bool:
    """Tell whether a compiled model gets the state of its optimizer back."""
    return compiles(options) and not drops_optimizer(options)


def compiles(options: Mapping[str, object]) -> bool:
    """Tell whether a model is to be compiled; not with `compile=False`, nor of its config alone.

    Raises:
        UnknownOption: it is no truth value.
    """
    given = options.get("compile", True)
    if not isinstance(given, bool):
        raise UnknownOption(
            f"compile={given!r} is not known; it is True or False",
            option="compile",
            found=given,
            known=(True, False),
        )
    return given and not _named(options)


def needed(needs: tuple[Need, ...], options: Mapping[str, object]) -> tuple[Need, ...]:
    """Give the classes and functions that restoring takes: weights alone take none."""
    if "into" in options or (_named(options) or frozenset()) - {"config"}:
        return ()
    if compiles(options):
        return needs
    return tuple(
        need for need in needs if not all(place.startswith(_COMPILING) for place in need.where)
    )


_COMPILING = "compile_config"
