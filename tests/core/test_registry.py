from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

import bundlekit
from bundlekit._registry import installed
from bundlekit.errors import (
    AdapterBroken,
    AdapterConflict,
    BundleWarning,
    UnsupportedObject,
)

Install = Callable[..., Path]


def adapter(name: str, **attributes: object) -> str:
    """Give the source of a module with one adapter, `A`."""
    whole = {
        "name": name, "version": 1, "reads": (1,), "types": ("fractions.Fraction",),
        "default": True, "deterministic": True, "pack_options": (), "unpack_options": (),
        **attributes,
    }  # fmt: skip
    lines = [f"    {key} = {value!r}" for key, value in whole.items()]
    methods = [f"    def {method}(self, *_): ..." for method in ("pack", "audit", "unpack")]
    return "\n".join(["class A:", *lines, *methods])


def test_a_broken_plug_in_is_a_warning_that_names_it(install: Install, acme: Path) -> None:
    install("bad-dist", "bad_module", "1 / 0", {"bad": "bad_module:A"}, version="0.9")
    with pytest.warns(
        BundleWarning, match=r"bad \(bad-dist 0\.9, bad_module:A\).*ZeroDivisionError"
    ):
        installed()
    assert bundlekit.loads(bundlekit.dumps(Fraction(1, 2))) == Fraction(1, 2)


def test_a_broken_plug_in_is_an_error_when_it_is_needed(install: Install) -> None:
    install("bad-dist", "bad_module", "import no_such_module", {"bad": "bad_module:A"})
    with pytest.warns(BundleWarning, match="No module named 'no_such_module'"):
        registry = installed()
    with pytest.raises(AdapterBroken, match=r"bad-dist 1\.0.*cannot be used: .*no_such_module"):
        registry.get("bad")


def test_a_broken_plug_in_is_named_where_nobody_claims_the_object(install: Install) -> None:
    install("bad-dist", "bad_module", "import no_such_module", {"bad": "bad_module:A"})
    with pytest.warns(BundleWarning, match="bad-dist"):
        registry = installed()
    with pytest.raises(UnsupportedObject, match="bad-dist 1.0, .*cannot be used"):
        registry.claiming(Fraction(1))


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (adapter("acme", version="1"), "attribute 'version' is '1'; expected int"),
        (adapter("acme", version=True), "attribute 'version' is True; expected int"),
        (adapter("acme", types=["a"]), r"attribute 'types' is \['a'\]; expected tuple"),
        (adapter("acme", default=None), "attribute 'default' is None; expected bool or tuple"),
        (adapter("other"), "calls itself 'other'; its entry point says 'acme'"),
        (adapter("acme", version=3), "does not read its own version 3"),
        (adapter("acme").replace("def audit", "def odd"), "has no method 'audit'"),
        ("A = 3", "not callable"),
        ("", "no attribute 'A'"),
    ],
)
def test_a_plug_in_is_validated_when_it_arrives(install: Install, source: str, fault: str) -> None:
    install("acme", "acme_module", source, {"acme": "acme_module:A"})
    with pytest.warns(BundleWarning, match=fault):
        installed()


def test_two_distributions_that_claim_one_name_are_both_named(install: Install, acme: Path) -> None:
    install("rival", "rival_module", adapter("fraction"), {"fraction": "rival_module:A"})
    with pytest.raises(
        AdapterConflict, match=r"acme-bundle 3\.1.*rival 1\.0.*uninstall one"
    ) as refusal:
        bundlekit.bundle(Fraction(1, 2))
    assert set(refusal.value.distributions) == {"acme-bundle", "rival"}  # type: ignore[attr-defined]
    with pytest.raises(AdapterConflict, match="the adapter name 'fraction' is claimed twice"):
        bundlekit.bundle(Fraction(1, 2), "fraction")


def test_a_conflict_of_others_does_not_stop_the_rest(install: Install, acme: Path) -> None:
    for dist in ("one", "two"):
        types = ("decimal.Decimal",)
        install(dist, f"{dist}_m", adapter("decimal", types=types), {"decimal": f"{dist}_m:A"})
    assert bundlekit.loads(bundlekit.dumps(Fraction(1, 2))) == Fraction(1, 2)


def test_two_adapters_that_claim_one_type_are_both_named(install: Install, acme: Path) -> None:
    install("rival", "rival_module", adapter("ratio"), {"ratio": "rival_module:A"})
    with pytest.raises(
        AdapterConflict, match=r"type fractions\.Fraction is claimed twice: .*fraction.*ratio"
    ):
        bundlekit.bundle(Fraction(1, 2))
    assert bundlekit.bundle(Fraction(1, 2), "fraction").manifest.adapter == "fraction"


def test_a_plug_in_that_is_installed_meanwhile_is_found(acme: Path, install: Install) -> None:
    with pytest.raises(UnsupportedObject, match="complex"):
        installed().claiming(1j)
    source = adapter("complex", types=("builtins.complex",))
    late = acme / "late-1.0.dist-info"
    late.mkdir()
    (acme / "late_module.py").write_text(source)
    (late / "METADATA").write_text("Name: late\nVersion: 1.0\n")
    (late / "entry_points.txt").write_text("[bundlekit.adapters]\ncomplex = late_module:A\n")
    assert installed().claiming(1j).name == "complex"


def test_an_adapter_may_be_the_default_for_some_of_its_types(install: Install, acme: Path) -> None:
    types = ("fractions.Fraction", "decimal.Decimal")
    source = adapter("ratio", types=types, default=("decimal.Decimal",))
    install("rival", "rival_module", source, {"ratio": "rival_module:A"})
    assert installed().choose(Decimal(1)).name == "ratio"
    assert installed().choose(Fraction(1)).name == "fraction"
    assert installed().choose(Fraction(1), "ratio").name == "ratio"


def test_an_adapter_that_is_no_default_is_used_when_named(install: Install, acme: Path) -> None:
    source = adapter("ratio", default=False)
    install("rival", "rival_module", source, {"ratio": "rival_module:A"})
    assert installed().claiming(Fraction(1)).name == "fraction"
    assert installed().require(Fraction(1), "ratio").name == "ratio"


def test_the_most_specific_claim_wins(install: Install, acme: Path) -> None:
    source = adapter("special", types=("special_module.Special",))
    source += "\nfrom fractions import Fraction\nclass Special(Fraction): pass\n"
    install("special", "special_module", source, {"special": "special_module:A"})
    import special_module  # type: ignore[import-not-found]

    class MoreSpecial(special_module.Special):
        pass

    assert installed().claiming(MoreSpecial(1)).name == "special"
    assert installed().claiming(Fraction(1)).name == "fraction"


def test_a_public_name_is_followed_where_it_is_imported(install: Install) -> None:
    source = (
        adapter("public", types=("public_module.Thing",)) + "\nfrom private_module import Thing\n"
    )
    install("private", "private_module", "class Thing: pass", {})
    install("public", "public_module", source, {"public": "public_module:A"})
    import private_module  # type: ignore[import-not-found]

    assert private_module.Thing.__module__ == "private_module"
    assert installed().claiming(private_module.Thing()).name == "public"


def test_looking_up_adapters_imports_no_framework() -> None:
    import subprocess

    code = (
        "from bundlekit._registry import installed; import sys; assert installed().get('keras')\n"
        "frameworks = {'keras', 'tensorflow', 'numpy', 'sklearn', 'h5py', 'torch', 'jax'}\n"
        "found = frameworks & {name.partition('.')[0] for name in sys.modules}\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_first_party_adapters_are_sound() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        installed.__globals__["_look_up"].cache_clear()
        assert installed().usable == installed().records
