"""The demo: handwritten digits, a small convolutional network, and proof that it survives.

The data are the digits that scikit-learn ships. Everything shown is measured here and now:
what comes back is compared in a fresh process that knows nothing of this file, and once more
in one that has stock Keras and no bundlekit.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import bundlekit
from bundlekit.atomic import require_writable
from bundlekit.card import quantity, rows
from bundlekit.testing.comparison import Observation, compare
from bundlekit.testing.fresh import Case, restore_elsewhere
from bundlekit_keras.framework import require_keras
from bundlekit_keras.observe import KerasObserver

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from bundlekit.testing.comparison import Array

_EPOCHS = 8
_REPEATS = 5
_STOCK = """
import sys, keras, numpy
model = keras.saving.load_model(sys.argv[1])
numpy.save(sys.argv[3], model.predict(numpy.load(sys.argv[2]), verbose=0))
assert "bundlekit" not in sys.modules
"""


@dataclass(frozen=True)
class Digits:
    """Images of 8 by 8 pixels in 0 to 1, and the digits that they show."""

    train: Array
    train_labels: Array
    test: Array
    test_labels: Array


def run(keep: str | os.PathLike[str] | None = None) -> bool:
    """Run the demo and print what it finds.

    Args:
        keep: where to leave the bundle.

    Returns:
        Whether everything that was compared is the same.
    """
    from rich.console import Console

    if keep is not None:
        require_writable(keep, overwrite=False)
    console = Console(highlight=False)
    digits = _digits()
    with TemporaryDirectory(prefix="bundlekit-demo-") as folder:
        path = Path(folder) / "digits.keras"  # a bundle; the name lets stock Keras open it
        model = _trained(console, digits)
        with console.status("bundling"):
            digest = bundlekit.dump(model, path, metadata={"data": "scikit-learn digits"})
        bundled = bundlekit.Bundle(path)
        console.print(f"bundled into {quantity(len(bundled))}, digest {digest[:12]}…\n")
        _print_card(console, bundled)
        checks = [
            *_fresh(console, model, bundled, digits),
            *_stock(console, model, path, digits),
        ]
        _print_checks(console, checks)
        _print_costs(console, model, path, Path(folder))
        if keep is not None:
            bundled.save(keep)
            console.print(f"kept as {os.fspath(keep)}")
    return all(same for _, same, _ in checks)


def _digits() -> Digits:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).astype("float32").reshape(-1, 8, 8, 1)
    train, test, train_labels, test_labels = train_test_split(
        images, labels, test_size=0.25, random_state=0, stratify=labels
    )
    return Digits(train, train_labels, test, test_labels)


def _trained(console: Console, digits: Digits) -> Any:
    from rich.progress import Progress

    with console.status("importing Keras"):
        keras = require_keras()
        keras.utils.set_random_seed(0)
        layers = keras.layers
        model = keras.Sequential(
            [
                keras.Input((8, 8, 1), name="image"),
                layers.Conv2D(16, 3, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.MaxPooling2D(),
                layers.Conv2D(32, 3, padding="same", activation="relu"),
                layers.Flatten(),
                layers.Dropout(0.3),
                layers.Dense(10, activation="softmax", name="digit"),
            ],
            name="digits",
        )
        schedule = keras.optimizers.schedules.ExponentialDecay(3e-3, 50, 0.9)
        optimizer = keras.optimizers.Adam(schedule)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"training on {len(digits.train)} images", total=_EPOCHS)
        for _ in range(_EPOCHS):
            model.fit(digits.train, digits.train_labels, batch_size=32, verbose=0)
            progress.advance(task)
    accuracy = _accuracy(model.predict(digits.test, verbose=0), digits)
    console.print(
        f"trained {_EPOCHS} epochs on {len(digits.train)} images; accuracy on the other "
        f"{len(digits.test)}: {accuracy:.1%}"
    )
    return model


def _fresh(
    console: Console, model: Any, bundled: bundlekit.Bundle, digits: Digits
) -> list[tuple[str, bool, str]]:
    observer = KerasObserver()
    case = Case(name="digits", obj=model, inputs=digits.test, targets=digits.test_labels)
    with console.status("restoring in a fresh process that does not have the training code"):
        after = restore_elsewhere(case, bytes(bundled))
    before = [
        *observer.state(model),
        *observer.behaviour(model, digits.test, digits.test_labels),
    ]
    same = not compare(before, after)
    return [
        _check("fresh process: predictions, bit for bit", before, after, "prediction"),
        _check_accuracy("fresh process: accuracy", before, after, digits),
        _check("fresh process: weights and random state", before, after, "variable"),
        _check("fresh process: optimizer, step and slots", before, after, "variable/optimizer"),
        _check("fresh process: loss of the next step", before, after, "next step/loss"),
        _check("fresh process: weights after it", before, after, "next step/variable"),
        ("fresh process: all that can be seen", same, f"{len(before)} places"),
    ]


def _stock(console: Console, model: Any, path: Path, digits: Digits) -> list[tuple[str, bool, str]]:
    import numpy as np

    inputs, outputs = path.with_name("inputs.npy"), path.with_name("outputs.npy")
    np.save(inputs, digits.test)
    with console.status("opening the same file with stock Keras in a third process"):
        done = subprocess.run(
            [sys.executable, "-c", _STOCK, str(path), str(inputs), str(outputs)],
            capture_output=True,
            check=False,
        )
    what = "stock keras.saving.load_model: predictions"
    if done.returncode:
        return [(what, False, done.stderr.decode(errors="replace").strip()[-200:])]
    before = Observation("prediction", model.predict(digits.test, verbose=0))
    differences = compare([before], [Observation("prediction", np.load(outputs))])
    return [(what, not differences, str(differences[0].how) if differences else "same bits")]


def _check(
    what: str, before: list[Observation], after: list[Observation], place: str
) -> tuple[str, bool, str]:
    mine, theirs = (
        [seen for seen in side if seen.place == place or seen.place.startswith(f"{place}/")]
        for side in (before, after)
    )
    differences = compare(mine, theirs)
    if differences:
        return what, False, str(differences[0])
    value = mine[0].value
    if len(mine) == 1 and not isinstance(value, str) and value.ndim == 0:
        return what, True, f"{float(value):.6f}"
    return what, True, f"{len(mine)} array{'s' * (len(mine) > 1)}, bit for bit"


def _check_accuracy(
    what: str, before: list[Observation], after: list[Observation], digits: Digits
) -> tuple[str, bool, str]:
    mine, theirs = (
        next(_accuracy(seen.value, digits) for seen in side if seen.place == "prediction")
        for side in (before, after)
    )
    return what, mine == theirs, f"{mine:.4f} before, {theirs:.4f} after"


def _accuracy(predictions: Any, digits: Digits) -> float:
    return float((predictions.argmax(axis=-1) == digits.test_labels).mean())


def _print_card(console: Console, bundled: bundlekit.Bundle) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="the manifest", title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in rows(bundled.manifest, bundled.digest, len(bundled)):
        table.add_row(label, Text(text))
    console.print(table)


def _print_checks(console: Console, checks: list[tuple[str, bool, str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="what was compared", title_justify="left", show_header=False)
    for what, same, found in checks:
        verdict = Text("same", "green") if same else Text("DIFFERENT", "bold red")
        table.add_row(what, verdict, Text(found))
    console.print(table)


def _print_costs(console: Console, model: Any, bundle: Path, folder: Path) -> None:
    from rich.table import Table

    keras = require_keras()
    stock = folder / "stock.keras"
    again = folder / "again.bundle"
    with console.status("timing"):
        saves = (
            _median(lambda: bundlekit.dump(model, again, overwrite=True)),
            _median(lambda: keras.saving.save_model(model, stock)),
        )
        loads = (
            _median(lambda: bundlekit.load(bundle)),
            _median(lambda: keras.saving.load_model(stock)),
        )
    table = Table(title=f"costs, median of {_REPEATS}", title_justify="left")
    for heading in ("", "bundlekit", "keras.saving", "ratio"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row("file", quantity(bundle.stat().st_size), quantity(stock.stat().st_size), "")
    for what, (ours, theirs) in (("save", saves), ("load", loads)):
        table.add_row(
            what, f"{ours * 1e3:.0f} ms", f"{theirs * 1e3:.0f} ms", f"{ours / theirs:.2f}"
        )
    console.print(table)


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
