"""`python -m benchmarks`: measure everything side by side, and write `docs/performance.md`.

    python -m benchmarks            # all, about half an hour on two cores
    python -m benchmarks --quick    # what the bar is about, less often; writes nothing
    python -m benchmarks --rough    # all, with small sizes and once, to try it out; says so
    python -m benchmarks --page     # write the page anew from the figures of the last run

Exits with 1 and says which, where a figure does not reach the bar (`bar.py`); `--quick` lets ratios
be 30 % off, asks for no more than the floor reaches on this machine, and tries a case three times.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks import cases, large
from benchmarks.bar import BARS, DENSE, MEMORY, better, figures, missed, said
from benchmarks.plots import draw
from benchmarks.process import fresh
from benchmarks.report import page
from benchmarks.results import Comparison, Large, Run
from benchmarks.timing import compare
from benchmarks.ways import OURS, PAIR, WAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.cases import Case

DOCS = Path(__file__).parents[1] / "docs"
PAGE, FIGURES, PICTURES = DOCS / "performance.md", DOCS / "performance.json", DOCS / "performance"


@dataclass(frozen=True)
class Plan:
    """How large, and how often; of each case as often as it says, where `repeats` is 0."""

    large_mib: int
    sizes_mib: tuple[int, ...] = ()
    layers: tuple[int, ...] = ()
    repeats: int = 0


FULL = Plan(1024, (1, 4, 16, 64, 256, 1024, 4096), (10, 30, 100, 300, 1000, 2000))
ROUGH = Plan(64, (1, 4, 16, 64), (10, 30, 100), repeats=1)
QUICK = Plan(1024, repeats=3)
QUICK_SLACK = 0.7
QUICK_TRIES = 3


def full(plan: Plan) -> list[str]:
    """Measure everything and write it; give what does not reach the bar."""
    models = [
        cases.MLP,
        cases.MOBILENET,
        cases.MOBILENET_ADAM,
        cases.EFFICIENTNET,
        cases.RESNET,
        cases.dense(plan.large_mib, DENSE),
    ]
    run = Run(
        rough=plan != FULL,
        environment=_environment(),
        models=[_compared(case, tuple(WAYS), plan) for case in models],
        large=_largest(plan, PAIR, inside=True),
        sizes=[_compared(cases.dense(mib), PAIR, plan) for mib in plan.sizes_mib],
        layers=[_compared(cases.chain(layers), PAIR, plan) for layers in plan.layers],
    )
    FIGURES.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")
    draw(run, PICTURES)
    write_page()
    found = figures(*run.models, run.large)
    return [said(bar, found) for bar in missed(BARS, found)]


def quick() -> list[str]:
    """Measure what the bar is about, less often; give what is far off it each time."""
    dense = cases.dense(QUICK.large_mib, DENSE)
    works: dict[str, Callable[[], Comparison | Large]] = {
        cases.MLP.name: lambda: _compared(cases.MLP, PAIR, QUICK),
        cases.MOBILENET.name: lambda: _compared(cases.MOBILENET, PAIR, QUICK),
        DENSE: lambda: _compared(dense, (*PAIR, "floor"), QUICK),
        MEMORY: lambda: _largest(QUICK, (OURS,), inside=False),
    }
    faults = []
    for name, work in works.items():
        found = figures(work())
        bars = [bar.within_reach(found) for bar in BARS if bar.case == name]
        for _ in range(QUICK_TRIES - 1):
            if missed(bars, found, QUICK_SLACK):
                found = better(bars, found, figures(work()))
        print(*(said(bar, found) for bar in bars), sep="\n", flush=True)
        faults += [said(bar, found) for bar in missed(bars, found, QUICK_SLACK)]
    return faults


def write_page() -> None:
    """Write the page from the figures that are stored."""
    PAGE.write_text(page(stored(), PICTURES), encoding="utf-8")


def stored() -> Run:
    """Give what the last full run has found."""
    return msgspec.json.decode(FIGURES.read_bytes(), type=Run)


def _compared(case: Case, ways: Sequence[str], plan: Plan) -> Comparison:
    _say(case.title)
    return fresh(compare, replace(case, repeats=plan.repeats or case.repeats), ways)


def _largest(plan: Plan, ways: Sequence[str], *, inside: bool) -> Large:
    case = cases.dense(plan.large_mib)
    _say(f"memory for {case.title}")
    return large.measure(case, ways, inside=inside)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _environment() -> dict[str, str]:
    names = ("bundlekit", "keras", "tensorflow", "numpy", "h5py")
    return {
        **{name: version(name) for name in names},
        "Python": platform.python_version(),
        "on": f"{platform.system()} with {os.cpu_count()} cores",
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def main(words: Sequence[str] | None = None) -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    choice = parser.add_mutually_exclusive_group()
    for name in ("--quick", "--rough", "--page"):
        choice.add_argument(name, action="store_true")
    given = parser.parse_args(words)
    if given.page:
        return write_page()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whose variables the floor takes its bytes from
    faults = quick() if given.quick else full(ROUGH if given.rough else FULL)
    if faults:
        sys.exit("does not reach the bar:\n" + "\n".join(faults))
    return None


if __name__ == "__main__":
    main()
