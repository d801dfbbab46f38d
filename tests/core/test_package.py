"""The package as a whole: what importing it loads, what it offers, how its errors behave."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings

import pytest

import bundlekit
from bundlekit import errors

PUBLIC = {
    "bundle", "unbundle", "dump", "load", "dumps", "loads", "inspect", "verify",
    "Bundle", "Manifest",
}  # fmt: skip
ERRORS = [
    value for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, errors.BundleError)
]  # fmt: skip


def test_importing_it_loads_only_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import bundlekit\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "assert new <= sys.stdlib_module_names | {'bundlekit'}, new"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_core_and_the_test_kit_loads_no_framework() -> None:
    code = (
        "import sys, bundlekit, bundlekit.pytest_plugin, bundlekit.testing, bundlekit_keras.v3\n"
        "import bundlekit_keras.observe, bundlekit.cli\n"
        "for name in bundlekit.__all__: getattr(bundlekit, name)\n"
        "found = {'numpy', 'keras', 'h5py', 'tensorflow', 'safetensors'} & set(sys.modules)\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there() -> None:
    assert set(bundlekit.__all__) >= PUBLIC
    for name in bundlekit.__all__:
        assert getattr(bundlekit, name) is not None
    assert set(dir(bundlekit)) >= {*PUBLIC, "adapter", "testing"}
    assert bundlekit.adapter.Need.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'bundel'"):
        bundlekit.bundel


def test_every_public_name_is_documented() -> None:
    for name in PUBLIC - {"Manifest"}:
        assert "Example:" in (getattr(bundlekit, name).__doc__ or ""), name


@pytest.mark.parametrize("error", ERRORS)
def test_errors_pickle_with_their_facts(error: type[errors.BundleError]) -> None:
    raised = error("what happened; do this", found=3)
    copied = pickle.loads(pickle.dumps(raised))
    assert type(copied) is error
    assert str(copied) == str(raised) == "what happened; do this"
    assert copied.found == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", [error for error in ERRORS if error is not errors.BundleError])
def test_errors_are_also_what_a_caller_would_catch(error: type[errors.BundleError]) -> None:
    builtin = {base for base in error.__mro__ if base.__module__ == "builtins"}
    assert builtin > {Exception, BaseException, object}


def test_every_error_is_public() -> None:
    assert {error.__name__ for error in ERRORS} <= set(bundlekit.__all__)


def test_warnings_are_errors_here() -> None:
    with pytest.raises(UserWarning, match="seen"):
        warnings.warn("seen", UserWarning, stacklevel=1)


def test_what_a_file_says_does_not_flood_or_drive_whoever_reads_the_error() -> None:
    error = errors.Damaged(f"bad \x1b[2J\u202e\n{'x' * 1_000_000} end", found="x" * 1_000_000)
    assert str(error).startswith("bad \\x1b[2J\\x202e\nxxx")
    assert str(error).endswith("xxx end")
    assert len(str(error)) < 21_000
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert len(str(errors.Damaged("\x1b" * 1_000_000))) <= errors.MAX_MESSAGE + 40
    assert len(error.found) == 1_000_000  # type: ignore[attr-defined]
