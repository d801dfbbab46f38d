"""Building a model from a config and weights that Keras' own loader does not read together.

The config has been brought into today's form; Keras builds from it and compiles. Then every
stored array has to find its variable and every variable its array, or there is no model.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bundlekit.errors import BundleError, NotRestorable
from bundlekit.warning import warn
from bundlekit_keras import (
    addresses,
    custom_objects,
    internals,
    loading,
    older_places,
    pairing,
    record,
)
from bundlekit_keras.framework import innermost, require_keras
from bundlekit_keras.keras_file import ASSETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bundlekit.adapter import Context, Payload
    from bundlekit_keras.stored import Stored


def build(
    config: dict[str, Any],
    context: Context,
    *,
    compiled: bool | Callable[[Any, dict[str, Any]], None],
    payload: Payload,
) -> Any:
    """Build an object from its config, with fresh weights.

    Args:
        config: the node, in today's form, as it was audited.
        context: the classes and functions that were found.
        compiled: whether to compile it, where it is a model and the config says how; or what
            compiles it, given the model and that config.
        payload: what it is part of, for the errors.

    Raises:
        NotRestorable: Keras failed, with its error as the cause.
    """
    keras = require_keras()
    carried = any(need.kind == "lambda" and not need.code for need in context.needs)
    try:
        with custom_objects.presented(config, context) as renamed:
            compiling = None if compiled is True else renamed.pop("compile_config", None)
            with internals.sharing_objects():
                built = keras.saving.deserialize_keras_object(renamed, safe_mode=not carried)
            if compiling and callable(compiled):
                compiled(built, compiling)
            return built
    except BundleError:
        raise
    except Exception as error:
        raise failed(payload, error) from error


@contextmanager
def failing(payload: Payload) -> Iterator[None]:
    """Say of whatever fails that Keras could not rebuild the object.

    Raises:
        NotRestorable: instead of it.
    """
    try:
        yield
    except BundleError:
        raise
    except Exception as error:
        raise failed(payload, error) from error


def failed(payload: Payload, error: Exception) -> NotRestorable:
    """Say what Keras could not rebuild, and what to try."""
    keras = require_keras()
    part = payload.part
    return NotRestorable(
        f"Keras {keras.__version__} could not rebuild {part.type} {part.name!r}: "
        f"{innermost(error)}; try the Keras that wrote it (`bundlekit inspect` tells), or mend "
        f"get_config and from_config of the class that is named",
        type=part.type,
        cause=str(error),
    )


def fill(model: Any, stored: Stored, payload: Payload, *, optimizer: bool = True) -> None:
    """Load all stored weights, the optimizer's state and the assets into a model that was built.

    Args:
        model: the model.
        stored: what is stored.
        payload: what it is part of.
        optimizer: whether the optimizer's state is wanted.

    Raises:
        NotRestorable: an array has no variable, or a variable no array.
    """
    model_name = payload.part.name
    if not getattr(model, "built", False):
        raise NotRestorable(
            f"{payload.part.type} {model_name!r} has no variables before it is called, and the "
            f"file tells no shape of its inputs; make the model, call it on data, and give it as "
            f"into=",
            type=payload.part.type,
        )
    resumes = optimizer and "resume" in payload.part.capabilities
    try:
        report = loading.load(stored, model, optimizer=resumes)
    except BundleError as error:
        raise NotRestorable(
            f"the weights of {payload.part.type} {model_name!r} are not those of its config: "
            f"{error}",
            type=payload.part.type,
            report=getattr(error, "report", None),
        ) from error
    if resumes and not report.optimizer.startswith("restored"):
        if record.of(payload) is not None:
            raise NotRestorable(
                f"the optimizer of {model_name!r} is not the one that was bundled: its state was "
                f"{report.optimizer}; optimizer='drop' leaves it out",
                type=payload.part.type,
                report=report,
            )
        warn(f"the optimizer of {model_name!r} starts anew: its state was {report.optimizer}")
    load_assets(model, stored, payload)


def require_places(model: Any, stored: Stored, payload: Payload) -> None:
    """Make sure that a model has a layer for every vocabulary and the like that is stored.

    Raises:
        NotRestorable: naming the places.
    """
    folders = {path.removeprefix(ASSETS).rpartition("/")[0] for path in _assets(payload)}
    left = folders - {folder for folder, _ in _owners(model, stored, folders)}
    if left:
        raise NotRestorable(
            f"the model {model.name!r} has no layer for the vocabularies of "
            f"{', '.join(sorted(left))}; to load weights without them, take the arrays: unbundle "
            f"without into= and with keras-weights",
            assets=tuple(sorted(left)),
        )


def load_assets(model: Any, stored: Stored, payload: Payload) -> None:
    """Let the layers of a model load what is stored of them as files; all of it, or nothing.

    Raises:
        NotRestorable: a layer refuses, or none is there for a file.
    """
    assets = _assets(payload)
    if not assets:
        return
    require_places(model, stored, payload)
    folders = {path.removeprefix(ASSETS).rpartition("/")[0] for path in assets}
    with TemporaryDirectory(prefix="bundlekit-") as scratch:
        loaded: list[tuple[Any, Path]] = []
        for number, (folder, owner) in enumerate(_owners(model, stored, folders)):
            new, before = Path(scratch, f"{number}"), Path(scratch, f"{number}-before")
            new.mkdir()
            before.mkdir()
            for path in assets:
                parent, _, name = path.removeprefix(ASSETS).rpartition("/")
                if parent == folder:
                    Path(new, name).write_bytes(payload.read(path))
            with suppress(Exception):  # it may have none yet
                owner.save_assets(before)
            loaded.append((owner, before))
            try:
                owner.load_assets(new)
            except Exception as error:
                for other, kept in loaded:
                    if any(kept.iterdir()):
                        other.load_assets(kept)
                raise failed(payload, error) from error


def _assets(payload: Payload) -> list[str]:
    return [path for path in payload.paths if path.startswith(ASSETS)]


def _owners(model: Any, stored: Stored, folders: set[str]) -> list[tuple[str, Any]]:
    if not folders:
        return []
    modern = older_places.modern_places(folders, stored.places)
    slots, _ = addresses.slots_of(model)
    walk = pairing.walk_of(stored, model, slots, modern.values())
    places = walk.found if walk else addresses.places(model)
    return [
        (folder, places[modern[folder]])
        for folder in sorted(folders)
        if hasattr(places.get(modern[folder]), "load_assets")
    ]
