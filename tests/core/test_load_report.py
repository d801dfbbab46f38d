"""What a report of loaded weights says, as data and as a table."""

from __future__ import annotations

from bundlekit.load_report import LoadReport, Weight

KERNEL = Weight(
    stored_path="layers/dense/vars/0",
    variable_path="dense/kernel",
    stored_shape=(4, 6),
    variable_shape=(4, 7),
    stored_dtype="float32",
    variable_dtype="float32",
)
NEW = Weight(variable_path="new/bias", variable_shape=(), variable_dtype="float16")


def test_it_is_complete_where_everything_matched() -> None:
    assert LoadReport(matched=(KERNEL,)).complete
    assert not LoadReport(missing=(NEW,)).complete
    assert not LoadReport(unexpected=(KERNEL,)).complete
    assert not LoadReport(mismatched=(KERNEL,)).complete


def test_it_prints_as_a_table_with_faults_first() -> None:
    lines = str(LoadReport(matched=(KERNEL,), missing=(NEW,), optimizer="restored")).split("\n")
    assert lines[0].split() == ["stored", "variable", "stored", "as", "variable", "is"]
    assert lines[1].split() == ["missing", "-", "new/bias", "-", "float16[]"]
    assert lines[2].split()[:3] == ["matched", "layers/dense/vars/0", "dense/kernel"]
    assert "float32[4, 6]" in lines[2]
    assert lines[3] == "1 matched, 1 missing, 0 unexpected, 0 mismatched; optimizer: restored"
