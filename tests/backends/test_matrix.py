"""Every kind of model, written under each installed backend and read under each.

One process per backend writes and one reads; `docs/backends.md` says how to run all of it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from tests.backends import matrix as processes
from tests.backends.backends import chosen_backends, chosen_kinds
from tests.backends.table import PROPERTY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.backends.matrix import Matrix

pytestmark = pytest.mark.backends
BACKENDS, KINDS = chosen_backends(), chosen_kinds()


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    return processes.run(tmp_path_factory.mktemp("matrix"), BACKENDS, KINDS)


@pytest.mark.parametrize("reader", BACKENDS)
@pytest.mark.parametrize("writer", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_comes_back(
    kind: str,
    writer: str,
    reader: str,
    matrix: Matrix,
    record_property: Callable[[str, object], None],
) -> None:
    cell = matrix.cells[kind, writer, reader]
    record_property(PROPERTY, asdict(cell))
    if cell.faults:
        pytest.fail("\n".join(cell.faults), pytrace=False)
    if cell.text == "cannot":
        pytest.skip(cell.reason)


@pytest.mark.parametrize("reader", BACKENDS)
def test_restoring_imports_no_other_backend(reader: str, matrix: Matrix) -> None:
    """But for layers of Keras' that compute with TensorFlow under every backend."""
    read = [cell for key, cell in matrix.cells.items() if key[2] == reader]
    assert not {cell.kind: cell.imported for cell in read if cell.imported}


@pytest.mark.parametrize("writer", BACKENDS)
def test_bundling_imports_no_other_backend(writer: str, matrix: Matrix) -> None:
    wrote = [cell for key, cell in matrix.written.items() if key[1] == writer]
    assert not {cell.kind: cell.imported for cell in wrote if cell.imported}


PAIRS = [(a, b) for a in BACKENDS for b in BACKENDS]


@pytest.mark.skipif("sequential" not in KINDS, reason="the kind is not asked for")
@pytest.mark.parametrize(("writer", "reader"), PAIRS)
def test_what_compiled_by_default_compiles_by_the_readers_default(
    writer: str, reader: str, matrix: Matrix
) -> None:
    restored, own = (matrix.cells["sequential", one, reader] for one in (writer, reader))
    assert restored.compiles == own.compiles


@pytest.mark.parametrize("writer", BACKENDS)
def test_the_manifest_names_the_backend_that_wrote_it(writer: str, matrix: Matrix) -> None:
    wrote = {
        name: seen["backend"]
        for name, seen in matrix.inspected["bundles"].items()
        if name.startswith(f"{writer}/")
    }
    assert wrote
    assert set(wrote.values()) == {writer}


def test_inspecting_and_verifying_import_no_framework(matrix: Matrix) -> None:
    assert matrix.inspected["bundles"]
    assert matrix.inspected["imported"] == []
