"""What an environment lacks to restore an artifact, told without restoring it.

Nothing is built, no framework and none of the user's modules is imported.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bundlekit import by_trust
from bundlekit._registry import installed
from bundlekit.environment import Component, Grade, needed, not_needed
from bundlekit.errors import (
    AdapterBroken,
    AdapterConflict,
    AdapterMissing,
    FrameworkMissing,
    TooNew,
    TooOld,
)
from bundlekit.install_line import install_line
from bundlekit.missing import Missing, missing_objects, trust_lines
from bundlekit.trust import Trust
from bundlekit.unpacking import adapter_of, needs_of, payload_of

if TYPE_CHECKING:
    from bundlekit.artifact import Artifact
    from bundlekit.need import Need
    from bundlekit.payload import Payload


@dataclass(frozen=True)
class Diagnosis:
    """What was found; see `diagnose`."""

    components: tuple[Component, ...]
    """What restoring takes, and what else the writer recorded."""
    faults: tuple[str, ...]
    """Adapters that are missing, or refuse what is newer or older than they read; what to do."""
    needs: tuple[Missing, ...]
    """The user's classes and functions, and how each could get here."""

    @property
    def stuck(self) -> tuple[Missing, ...]:
        """Those that trust alone does not bring: the caller has to give them."""
        return tuple(
            one
            for one in self.needs
            if not (one.by_name or one.by_code or one.need.optional or by_trust.alone(one.need))
        )

    @property
    def is_restorable(self) -> bool:
        """Whether `unbundle` would do here, given what `trust` says."""
        lacking = any(one.is_lacking for one in self.components)
        return not (lacking or self.faults or self.stuck)

    @property
    def trust(self) -> tuple[str, ...]:
        """Each `trust=` that would let in all that can be."""
        return tuple(trust_lines(self.needs))

    @property
    def custom_objects(self) -> tuple[str, ...]:
        """The names under which `custom_objects=` takes the rest."""
        return missing_objects(self.stuck, Trust()).custom_objects if self.stuck else ()

    @property
    def install(self) -> str | None:
        """The line that gives what is missing or too old; `None` if nothing is."""
        return install_line(one for one in self.components if one.needed)


def diagnose(artifact: Artifact) -> Diagnosis:
    """Say what this environment lacks to restore an artifact.

    Of the user's packages only the outermost is looked for: to find what is in it would import it.

    Raises:
        Refused, Damaged: nobody would restore it.
    """
    payload = payload_of(artifact, whole=False)
    recorded = artifact.manifest.environment
    faults, requires = _asked(payload, recorded)
    try:
        needs, _ = needs_of(payload)
    except (FrameworkMissing, TooNew):  # it cannot be looked at; the manifest's word is taken
        needs = tuple(need for part in payload.walk() for need in part.part.custom_objects)
    (python,) = needed(recorded, ["python"])
    reachable = tuple(_reachable(need, python) for need in dict.fromkeys(needs))
    if any(one.need.code and not one.by_name for one in reachable):
        requires.append("cloudpickle")
    found = (python, *needed(recorded, ["bundlekit", *requires]))
    return Diagnosis((*found, *not_needed(recorded, found)), tuple(faults), reachable)


def _asked(payload: Payload, recorded: dict[str, str]) -> tuple[list[str], list[str]]:
    """Ask each part's adapter what it takes; give what is wrong with adapters, and that."""
    registry = installed()
    faults: dict[str, None] = {}
    requires: dict[str, None] = {}
    for inner in payload.walk():
        try:
            chosen = adapter_of(inner.part, registry, recorded)
            requires |= dict.fromkeys(chosen.requires(inner))
        except (AdapterMissing, AdapterBroken, AdapterConflict, TooNew, TooOld) as error:
            faults[str(error)] = None
        except FrameworkMissing as error:
            requires[str(vars(error)["framework"])] = None
    return list(faults), list(requires)


def _reachable(need: Need, python: Component) -> Missing:
    """Say how a class or function could get here."""
    if by_trust.alone(need):
        return Missing(need, "runs if it is trusted", by_name=False, by_code=not need.is_op)
    package = (need.module or "").partition(".")[0]
    by_name = need.reference is not None and _is_found(package)
    by_code = bool(need.code) and python.grade is Grade.SAME
    if by_name or by_code:
        ways = ["imported"] * by_name + ["run from the artifact"] * by_code
        reason = f"is {' or '.join(ways)} if it is trusted"
    elif need.code:
        reason = f"its code is for Python {python.recorded}, and this is {python.here}"
    elif need.reference:
        reason = f"no package {package} is found here"
    else:
        reason = "the artifact does not say where it lives"
    return Missing(need, reason, by_name=by_name, by_code=by_code)


def _is_found(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError, AttributeError):
        return False
