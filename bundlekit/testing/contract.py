"""The tests that every adapter passes: one shared place, subclassed once per adapter."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from bundlekit._registry import installed
from bundlekit.errors import Damaged, UnknownOption
from bundlekit.testing.comparison import compare, report
from bundlekit.testing.fresh import Outcome, fresh_process
from bundlekit.testing.observers import observer_for

if TYPE_CHECKING:
    from collections.abc import Mapping


class AdapterContract(ABC):
    """What an adapter promises, as tests; subclass it in a test module and say what to test.

    Example:
        >>> class TestAcmeAdapter(AdapterContract):
        ...     adapter = "acme"
        ...
        ...     def make(self):
        ...         return acme.Model().fit(x), x
        ...
        ...     cases = "acme_models.py"
    """

    adapter: str
    """The adapter's name."""
    cases: str | Path
    """A file of cases for `bundlekit.testing.fresh_process`, relative to the test module."""
    custom_objects: Mapping[str, object] = MappingProxyType({})
    """What restoring the object that `make` makes takes."""

    @abstractmethod
    def make(self) -> tuple[Any, Any]:
        """Make a small live object and inputs for it."""

    @pytest.fixture(scope="class")
    @classmethod
    def outcomes(cls) -> dict[str, Outcome]:
        """Run the file of cases once."""
        return fresh_process(Path(inspect.getfile(cls)).parent / cls.cases)

    @pytest.fixture(scope="class")
    @classmethod
    def live(cls) -> tuple[Any, Any]:
        """Make the live object once."""
        return cls().make()

    @pytest.fixture(scope="class")
    @classmethod
    def data(cls, live: tuple[Any, Any]) -> bytes:
        """Bundle the live object once."""
        import bundlekit

        return bundlekit.dumps(live[0], cls.adapter)

    def test_what_comes_back_in_a_fresh_process_is_the_same(
        self, outcomes: dict[str, Outcome]
    ) -> None:
        """Every case of the file survives, bundling changes nothing, twice gives the same."""
        for outcome in outcomes.values():
            outcome.check()

    def test_what_comes_back_in_this_process_is_the_same(
        self, live: tuple[Any, Any], data: bytes
    ) -> None:
        """The live object and what is restored beside it do the same."""
        import bundlekit

        obj, inputs = live
        observer = observer_for(self.adapter)
        restored = bundlekit.unbundle(data, custom_objects=self.custom_objects)
        before = [*observer.state(obj), *observer.behaviour(obj, inputs, None)]
        after = [*observer.state(restored), *observer.behaviour(restored, inputs, None)]
        differences = compare(before, after)
        assert before, "the observer sees nothing"
        assert not differences, report(differences)

    def test_bundling_leaves_the_object_and_the_process_as_they_were(self) -> None:
        """Config, compile config, variables, random states and registries are untouched."""
        import bundlekit

        obj, _ = self.make()  # of its own: the first bundling is what may change it
        observer = observer_for(self.adapter)
        before = [*observer.state(obj), *observer.surroundings()]
        bundlekit.bundle(obj, self.adapter)
        after = [*observer.state(obj), *observer.surroundings()]
        differences = compare(before, after)
        assert not differences, report(differences)

    def test_the_same_object_gives_the_same_bytes(
        self, live: tuple[Any, Any], data: bytes, tmp_path: Path
    ) -> None:
        """`dumps`, `bundle` and `dump` agree, today and the next time."""
        import bundlekit

        if not installed().get(self.adapter).adapter.deterministic:
            pytest.skip("the adapter says that its framework's serializer is not deterministic")
        bundlekit.dump(live[0], tmp_path / "model.bundle", self.adapter)
        assert (tmp_path / "model.bundle").read_bytes() == data
        assert bytes(bundlekit.bundle(live[0], self.adapter)) == data

    def test_the_audit_passes_what_the_adapter_wrote(self, data: bytes) -> None:
        """`verify` finds an honest artifact sound, and asks this adapter."""
        import bundlekit

        checked = bundlekit.verify(data)
        assert checked.unaudited == ()
        assert checked.manifest.adapter == self.adapter

    def test_what_it_requires_is_here(self, data: bytes) -> None:
        """What the adapter says that it takes is known by these names, and recent enough."""
        from bundlekit.artifact import Artifact
        from bundlekit.environment import needed
        from bundlekit.source import MemorySource
        from bundlekit.unpacking import payload_of

        artifact = Artifact(MemorySource(data))
        requires = installed().get(self.adapter).requires(payload_of(artifact))
        found = needed(artifact.manifest.environment, requires)
        assert [one.name for one in found if one.is_lacking] == []

    def test_an_unknown_option_is_refused_on_both_sides(
        self, live: tuple[Any, Any], data: bytes
    ) -> None:
        """No option is dropped in silence."""
        import bundlekit

        with pytest.raises(UnknownOption, match="no option 'no_such_option'"):
            bundlekit.bundle(live[0], self.adapter, no_such_option=1)
        with pytest.raises(UnknownOption, match="no option 'no_such_option'"):
            bundlekit.unbundle(data, no_such_option=1)

    def test_a_lost_member_is_refused(self, data: bytes) -> None:
        """The audit refuses a payload that lacks what every payload has."""
        from bundlekit.adapter import Payload
        from bundlekit.bundle_type import Bundle

        manifest = Bundle(data).manifest
        adapter = installed().get(self.adapter).adapter
        with pytest.raises(Damaged, match=r"has no \S+"):
            adapter.audit(Payload(manifest, {}, {}))

    def test_a_damaged_artifact_is_refused_before_it_is_built(self, data: bytes) -> None:
        """One changed byte in any member is an error that names the member."""
        import bundlekit
        from bundlekit.artifact import Artifact
        from bundlekit.source import MemorySource

        for path, start, size in Artifact(MemorySource(data)).ranges():
            if size:
                damaged = bytearray(data)
                damaged[start + size // 2] ^= 1
                with pytest.raises(Damaged, match=re.escape(repr(path))):
                    bundlekit.unbundle(bytes(damaged))
