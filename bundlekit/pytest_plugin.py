"""pytest fixtures over `bundlekit.testing`; pytest finds them by entry point.

This module is imported in every pytest run of every environment that has bundlekit, so it
imports nothing until a fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from bundlekit.bundle_type import Bundle
    from bundlekit.testing import Outcome

_OUTCOMES = pytest.StashKey[dict[Any, Any]]()


@pytest.fixture(scope="session")
def bundle_roundtrip() -> Callable[..., Bundle]:
    """Give `bundlekit.testing.assert_roundtrip`.

    Example:
        >>> def test_my_model_survives(bundle_roundtrip):
        ...     bundle_roundtrip(make_model(), inputs)
    """
    from bundlekit.testing import assert_roundtrip

    return assert_roundtrip


@pytest.fixture
def bundle_fresh_process(
    request: pytest.FixtureRequest,
) -> Callable[[str | os.PathLike[str]], dict[str, Outcome]]:
    """Give `bundlekit.testing.fresh_process`, relative to the test's file.

    Each file of cases is run once per session.

    Example:
        >>> def test_my_models_survive(bundle_fresh_process):
        ...     for outcome in bundle_fresh_process("models.py").values():
        ...         outcome.check()
    """
    from bundlekit.testing import fresh_process

    done = request.config.stash.setdefault(_OUTCOMES, {})

    def run(cases: str | os.PathLike[str]) -> dict[str, Outcome]:
        path = request.path.parent / cases
        if path not in done:
            done[path] = fresh_process(path)
        outcomes: dict[str, Outcome] = done[path]
        return outcomes

    return run
