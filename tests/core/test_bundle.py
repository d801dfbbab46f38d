from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from fractions import Fraction
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import bundlekit
from bundlekit import Bundle
from bundlekit.artifact import Artifact
from bundlekit.cli.inspect import command
from bundlekit.errors import (
    AdapterMissing,
    Damaged,
    TargetExists,
    TargetUnusable,
    TooNew,
    TooOld,
    UnknownOption,
    UnsupportedObject,
    Unwritable,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("acme")

HALF = Fraction(1, 2)


def test_every_verb_gives_the_object_back(tmp_path: Path) -> None:
    path, file = tmp_path / "half.bundle", io.BytesIO()
    bundlekit.dump(HALF, path)
    bundlekit.dump(HALF, file)
    assert bundlekit.unbundle(bundlekit.bundle(HALF)) == HALF
    assert bundlekit.loads(bundlekit.dumps(HALF)) == HALF
    assert bundlekit.load(path) == bundlekit.load(io.BytesIO(file.getvalue())) == HALF


def test_every_verb_gives_the_same_bytes(tmp_path: Path) -> None:
    digest = bundlekit.dump(HALF, tmp_path / "half.bundle")
    bundled = bundlekit.bundle(HALF)
    assert bytes(bundled) == bundlekit.dumps(HALF) == (tmp_path / "half.bundle").read_bytes()
    assert bundled.digest == digest == bundled.manifest.digest


def test_another_process_gives_the_same_bytes(acme: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(acme)!r}); import bundlekit\n"
        "from fractions import Fraction\n"
        "print(bundlekit.bundle(Fraction(1, 2)).digest)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == bundlekit.bundle(HALF).digest


def test_the_manifest_tells_what_was_bundled() -> None:
    manifest = bundlekit.bundle(HALF, name="one half", metadata={"run": [7, None]}).manifest
    assert (manifest.adapter, manifest.payload_version) == ("fraction", 2)
    assert (manifest.distribution, manifest.type) == ("acme-bundle", "fractions.Fraction")
    assert (manifest.kind, manifest.name) == ("fraction", "one half")
    assert manifest.metadata == {"run": [7, None]}
    assert manifest.environment["acme-bundle"] == "3.1"
    assert manifest.environment["bundlekit"] == bundlekit.__version__
    assert [member.path for member in manifest.members] == ["blob.bin", "fraction.json"]


def test_metadata_and_name_are_part_of_the_digest() -> None:
    digests = {
        bundlekit.bundle(HALF).digest,
        bundlekit.bundle(HALF, name="half").digest,
        bundlekit.bundle(HALF, metadata={"run": 1}).digest,
        bundlekit.bundle(Fraction(1, 3)).digest,
    }
    assert len(digests) == 4


@pytest.mark.parametrize("metadata", [{1: "a"}, {"a": float("nan")}, {"a": object()}, {"a": b"x"}])
def test_metadata_that_is_not_json_is_refused(metadata: Any) -> None:
    with pytest.raises(Unwritable, match="metadata is not JSON"):
        bundlekit.bundle(HALF, metadata=metadata)


@pytest.mark.parametrize("metadata", [[1], "abc", 5, True, [("a", 1)]])
def test_metadata_that_is_no_dict_is_refused(metadata: Any) -> None:
    with pytest.raises(Unwritable, match="metadata is .*; expected a dict of JSON"):
        bundlekit.bundle(HALF, metadata=metadata)


def test_metadata_of_numpy_numbers_and_read_only_dicts_is_stored_as_json() -> None:
    from types import MappingProxyType

    import numpy as np

    given = MappingProxyType({"loss": np.float64(1.5), "name": np.str_("x"), "pair": (1, 2)})
    assert bundlekit.bundle(HALF, metadata=given).manifest.metadata == {
        "loss": 1.5,
        "name": "x",
        "pair": [1, 2],
    }


def test_metadata_that_no_reader_would_accept_is_refused(tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(70):
        deep = {"a": deep}
    with pytest.raises(Unwritable, match="no reader would open this: .*deeper than 64"):
        bundlekit.dump(HALF, tmp_path / "deep.bundle", metadata=deep)
    assert list(tmp_path.glob("*.bundle*")) == []


@pytest.mark.parametrize("name", [b"x", 3, "\ud800"])
def test_a_name_that_is_no_text_is_refused(name: Any) -> None:
    with pytest.raises(Unwritable, match="name"):
        bundlekit.bundle(HALF, name=name)


def test_an_adapter_that_is_no_name_is_refused() -> None:
    with pytest.raises(AdapterMissing, match="the adapter is 5; expected its name"):
        bundlekit.bundle(HALF, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [None, 3, b"path", io.StringIO()])
def test_a_target_that_is_none_is_refused_before_any_work(target: Any) -> None:
    with pytest.raises(TargetUnusable, match="give a path or a file open in binary mode"):
        bundlekit.dump(object(), target)


def test_an_object_nobody_claims_is_an_error_naming_type_and_adapters() -> None:
    with pytest.raises(
        UnsupportedObject, match=r"takes builtins\.complex; .*fraction takes"
    ) as refusal:
        bundlekit.bundle(1j)
    assert "fraction" in refusal.value.installed  # type: ignore[attr-defined]


def test_an_adapter_that_does_not_take_the_object_is_an_error() -> None:
    with pytest.raises(UnsupportedObject, match=r"'space' does not take fractions\.Fraction"):
        bundlekit.bundle(HALF, "space")


def test_an_adapter_that_is_not_installed_is_an_error_naming_the_closest() -> None:
    with pytest.raises(AdapterMissing, match="did you mean 'fraction'"):
        bundlekit.bundle(HALF, "fractoin")


def test_options_reach_the_adapter_on_both_sides() -> None:
    bundled = bundlekit.bundle(HALF, exact=True)
    assert bundlekit.unbundle(bundled, negate=True) == -HALF


@pytest.mark.parametrize(
    ("call", "closest"),
    [
        (lambda path: bundlekit.bundle(HALF, exct=True), "exact"),
        (lambda path: bundlekit.bundle(HALF, metdata={}), "metadata"),
        (lambda path: bundlekit.dump(HALF, path, overwrit=True), "overwrite"),
        (
            lambda path: bundlekit.loads(bundlekit.dumps(HALF), custom_object={}),
            "custom_objects",
        ),
        (lambda path: bundlekit.loads(bundlekit.dumps(HALF), negat=True), "negate"),
    ],
)
def test_an_unknown_option_names_the_closest(call: Any, closest: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownOption, match=f"did you mean '{closest}'") as refusal:
        call(tmp_path / "half.bundle")
    assert refusal.value.closest == closest  # type: ignore[attr-defined]
    assert isinstance(refusal.value, TypeError)
    assert list(tmp_path.glob("*.bundle*")) == []


def test_an_existing_file_is_not_touched_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "half.bundle"
    path.write_bytes(b"precious")
    for write in (bundlekit.bundle(HALF).save, lambda target: bundlekit.dump(HALF, target)):
        with pytest.raises(TargetExists, match="overwrite=True"):
            write(path)
        assert path.read_bytes() == b"precious"
    bundlekit.dump(HALF, path, overwrite=True)
    assert bundlekit.load(path) == HALF


def test_a_folder_as_target_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(TargetUnusable, match="it is a folder"):
        bundlekit.dump(object(), tmp_path)


class TestNestedParts:
    def test_objects_inside_objects_come_back(self) -> None:
        whole = SimpleNamespace(a=HALF, inner=SimpleNamespace(b=Fraction(3, 4), c=Fraction(5)))
        bundled = bundlekit.bundle(whole)
        assert bundlekit.unbundle(bundled) == whole
        assert bundlekit.verify(bundled).unaudited == ()

    def test_each_part_has_its_own_section_and_members(self) -> None:
        whole = SimpleNamespace(a=HALF, inner=SimpleNamespace(b=HALF))
        bundled = bundlekit.bundle(whole)
        assert [(prefix, part.adapter) for prefix, part in bundled.manifest.walk()] == [
            ("", "space"),
            ("parts/a/", "fraction"),
            ("parts/inner/", "space"),
            ("parts/inner/parts/b/", "fraction"),
        ]
        assert "parts/inner/parts/b/fraction.json" in bundled.members

    def test_a_part_that_nobody_claims_is_an_error(self) -> None:
        with pytest.raises(UnsupportedObject, match=r"takes builtins\.complex"):
            bundlekit.bundle(SimpleNamespace(a=HALF, b=1j))

    def test_a_part_name_that_is_no_name_is_an_error(self) -> None:
        with pytest.raises(Unwritable, match="part name"):
            bundlekit.bundle(SimpleNamespace(**{"../up": HALF}))

    def test_a_missing_inner_adapter_is_found_before_anything_is_built(
        self, acme: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        data = bundlekit.dumps(SimpleNamespace(a=HALF))
        points = acme / "acme_bundle-3.1.dist-info" / "entry_points.txt"
        points.write_text("[bundlekit.adapters]\nspace = acme_bundle:SpacesAdapter\n")
        monkeypatch.syspath_prepend(tmp_path)  # the registry looks again
        with pytest.raises(AdapterMissing, match="'fraction'; .*pip install acme-bundle"):
            bundlekit.unbundle(data)
        assert bundlekit.inspect(data).parts["a"].adapter == "fraction"
        assert bundlekit.verify(data).unaudited == ("fraction",)
        (tmp_path / "x.bundle").write_bytes(data)
        shown = CliRunner().invoke(command, [str(tmp_path / "x.bundle")]).output
        assert "not audited  fraction: no adapter here" in shown


def test_an_older_payload_names_the_version_to_install(
    acme: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = bundlekit.dumps(HALF)
    module = acme / "acme_bundle.py"
    text = module.read_text()
    module.write_text(text.replace("version = 2", "version = 3").replace("(1, 2)", "(3,)"))
    sys.modules.pop("acme_bundle")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TooOld, match=r"of version 2; .* reads 3; pip install 'acme-bundle==3\.1'"):
        bundlekit.unbundle(data)


def test_a_newer_payload_names_the_distribution_to_install(
    acme: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = bundlekit.dumps(HALF)
    module = acme / "acme_bundle.py"
    module.write_text(
        module.read_text().replace("version = 2", "version = 1").replace("(1, 2)", "(1,)")
    )
    sys.modules.pop("acme_bundle")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TooNew, match=r"of version 2; .* reads 1; pip install 'acme-bundle>=3\.1'"):
        bundlekit.unbundle(data)


class TestBundle:
    def test_its_manifest_is_nobody_elses(self, half: Bundle) -> None:
        half.manifest.metadata["run"] = 8
        assert half.manifest.metadata == {"run": 7}
        assert half.manifest.digest == half.digest

    def test_it_can_be_referred_to_weakly(self, half: Bundle) -> None:
        import weakref

        assert weakref.ref(half)() is half

    def test_it_is_a_value(self, half: Bundle) -> None:
        same = Bundle(bytes(half))
        assert same == half
        assert hash(same) == hash(half)
        assert half != bundlekit.bundle(HALF)
        assert half != bytes(half)
        assert len({half, same}) == 1

    def test_it_is_immutable(self, half: Bundle) -> None:
        with pytest.raises(AttributeError, match="immutable"):
            half.digest = "x"  # type: ignore[misc]
        with pytest.raises(AttributeError, match="immutable"):
            del half.digest
        with pytest.raises(TypeError, match="read-only"):
            half.data[0] = 1

    def test_later_changes_of_a_buffer_do_not_reach_it(self, half: Bundle) -> None:
        buffer = bytearray(bytes(half))
        bundled = Bundle(buffer)
        buffer[:] = bytes(len(buffer))
        assert bundlekit.unbundle(bundled) == HALF

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_it_pickles_as_its_bytes(self, half: Bundle, protocol: int) -> None:
        data = pickle.dumps(half, protocol)
        assert pickle.loads(data) == half
        if protocol > 2:  # before, pickles have no bytes
            assert len(data) < len(half) + 200

    def test_it_pickles_out_of_band(self, half: Bundle) -> None:
        buffers: list[pickle.PickleBuffer] = []
        data = pickle.dumps(half, 5, buffer_callback=buffers.append)
        assert len(data) < 200
        assert sum(len(buffer.raw()) for buffer in buffers) == len(half)
        assert pickle.loads(data, buffers=buffers) == half

    def test_copies_are_itself(self, half: Bundle) -> None:
        assert copy.copy(half) is copy.deepcopy(half) is half

    def test_it_prints_one_line_and_shows_a_card(self, half: Bundle) -> None:
        assert repr(half) == f"<Bundle fraction fraction, {card_size(half)}, {half.digest[:12]}>"
        html = half._repr_html_()
        assert "acme-bundle" in html
        assert half.digest in html

    def test_the_card_escapes_what_the_artifact_says(self) -> None:
        html = bundlekit.bundle(HALF, name="<script>alert(1)</script>")._repr_html_()
        assert "<script>" not in html

    def test_members_are_read_and_checked(self, half: Bundle) -> None:
        assert half.members == ("blob.bin", "fraction.json")
        assert half.read("fraction.json") == b"[1,2]"

    def test_a_damaged_member_is_found_when_it_is_used(self, half: Bundle) -> None:
        data = bytearray(bytes(half))
        start = next(start for path, start, _ in half._artifact.ranges() if path == "blob.bin")
        data[start] ^= 1
        damaged = Bundle(data)
        for use in (
            bundlekit.unbundle,
            bundlekit.verify,
            lambda source: source.read("blob.bin"),
        ):
            with pytest.raises(Damaged, match="'blob.bin'"):
                use(damaged)


def card_size(bundled: Bundle) -> str:
    from bundlekit.card import quantity

    return quantity(len(bundled))


def test_an_adapter_cannot_add_twice_or_what_is_kept_for_parts() -> None:
    from bundlekit.packing import _Out

    out = _Out("", "auto")
    with pytest.raises(Unwritable, match="is kept for parts"):
        out.add("parts/a", b"")
    with pytest.raises(Unwritable, match="is kept for code by value"):
        out.add("code/objects.pickle", b"")
    out.add("a", b"")
    with pytest.raises(Unwritable, match="'a' is added twice"):
        out.add("a", b"")
    out.part("p", HALF)
    with pytest.raises(Unwritable, match="'p' is added twice"):
        out.part("p", HALF)


def test_verify_tells_what_it_checked(half: Bundle) -> None:
    checked = bundlekit.verify(half)
    assert (checked.digest, checked.size) == (half.digest, len(half))
    assert (checked.needs, checked.unaudited) == ((), ())


def test_an_artifact_of_another_name_is_recognised(half: Bundle, tmp_path: Path) -> None:
    half.save(tmp_path / "half.keras")
    assert bundlekit.load(tmp_path / "half.keras") == HALF


def test_opening_an_artifact_hashes_nothing(half: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Artifact, "read", None)
    assert bundlekit.inspect(bytes(half)) == half.manifest
