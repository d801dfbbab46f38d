"""What Keras writes of a live model, the classes and functions behind it, and what it omits."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from bundlekit.errors import BundleError, NotBuilt, Unwritable
from bundlekit_keras import (
    addresses,
    defaults,
    discovery,
    fidelity,
    internals,
    nodes,
    reload_check,
    unwritable,
)
from bundlekit_keras.framework import innermost, require_keras
from bundlekit_keras.hdf5_file import Group, LaidOut, laid_out
from bundlekit_keras.keras_file import ASSETS, CONFIG, METADATA, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bundlekit.adapter import CustomObject, Out
    from bundlekit_keras.account import Account
    from bundlekit_keras.marks import Marks


class Written(NamedTuple):
    """What Keras writes of a model, besides its weights."""

    config: dict[str, Any]
    assets: dict[str, bytes]
    own: tuple[CustomObject, ...]
    """The classes and functions in it that are not Keras' own."""


def add_config(out: Out, config: dict[str, Any], model: Any) -> None:
    """Add the config, and what Keras leaves out of it: who wrote it, and under which defaults."""
    # Not canonical: the order of keys is the order of a model's outputs, and Keras writes NaN.
    out.add(CONFIG, json.dumps(config, separators=(",", ":")).encode())
    keras = require_keras()
    versions = {"keras_version": keras.__version__, "backend": keras.backend.backend()}
    out.add_json(METADATA, {**versions, **defaults.of(model)})


def require_storable(model: Any) -> None:
    """Refuse a model that is not built, or that Keras would store as another one.

    Raises:
        NotBuilt, Unwritable: naming the layers.
    """
    _require_built(model)
    fidelity.require_storable(model)


def _require_built(model: Any) -> None:
    if not model.built:
        raise NotBuilt(
            f"the model {model.name!r} ({type(model).__name__}) is not built: it has no weights "
            f"yet, so there is nothing to bundle; call it on data, model(x), or "
            f"model.build(input_shape), first",
            model=model.name,
        )
    waiting = fidelity.unbuilt_inside(model)
    if waiting:
        names = ", ".join(repr(layer.name) for layer in waiting)
        raise NotBuilt(
            f"the model {model.name!r} is built, and these layers in it are not: {names}; they "
            f"have no weights yet, so there is nothing of them to bundle; call the model on data, "
            f"model(x), first",
            model=model.name,
            layers=tuple(layer.name for layer in waiting),
        )


def weights(account: Account, *, without: Iterable[Any] = (), empty: bool = True) -> LaidOut:
    """Lay out the weights of a model in the file in which Keras keeps them.

    Args:
        account: of the model.
        without: objects in it whose variables are not stored.
        empty: whether these objects have their places in the file all the same.
    """
    left_out = set(map(id, without))
    groups = []
    for place, slots in account.stored.items():
        owner = account.owners[place]
        name = getattr(owner, "name", None)
        if id(owner) not in left_out:
            values = {slot.key: slot.value for slot in slots}
        elif empty:
            values = {}
        else:
            continue
        groups.append(Group(place, name if isinstance(name, str) else None, values))
    return laid_out(groups, WEIGHTS)


def written(model: Any, account: Account) -> Written:
    """Let Keras write a model's config and its assets, and find what in it is not Keras' own.

    Args:
        model: the model.
        account: of it.

    Raises:
        Unwritable: Keras cannot write it, or could not load it again.
    """
    marks = None
    try:
        with internals.unchanged_names(), internals.marking() as marks:
            config = _config(model, account, marks)
        own = discovery.discover(config, model, marks)
        if marks is not None:
            reload_check.require_readable(config, marks, own)
        nodes.renumber_shared(config)
        return Written(config, _assets(account), own)
    except BundleError:
        raise
    except Exception as error:
        if marks is not None and marks.failed:
            raise unwritable.failed_at(marks.failed, error) from error
        raise Unwritable(
            f"Keras could not save the model {model.name!r} ({type(model).__name__}): "
            f"{innermost(error)}; mend the class or the folder that is named",
            model=model.name,
        ) from error


def _config(model: Any, account: Account, marks: Marks | None) -> dict[str, Any]:
    saving = require_keras().saving
    with internals.sharing_objects() as shared:
        if shared:
            return plain(saving.serialize_keras_object(model), marks)
    owners = [account.owners[place] for place in account.stored]
    silent = {id(owner): addresses.save_nothing for owner in owners}
    with TemporaryDirectory(prefix="bundlekit-") as folder:
        path = Path(folder) / "model.keras"
        with addresses.saving_instead(owners, silent):
            saving.save_model(model, path)
        with zipfile.ZipFile(path) as archive:
            return plain(json.loads(archive.read(CONFIG)), marks)


def plain(config: Any, marks: Marks | None) -> dict[str, Any]:
    """Give a config that Keras wrote as plain JSON, of its own."""
    return dict(json.loads(json.dumps(config)) if marks is None else marks.plain(config))


def _assets(account: Account) -> dict[str, bytes]:
    """Let objects write what they keep in files, each into a folder of its place."""
    owners = {place: account.owners[place] for place in account.stored}
    owners = {place: owner for place, owner in owners.items() if hasattr(owner, "save_assets")}
    if not owners:
        return {}
    with TemporaryDirectory(prefix="bundlekit-") as name:
        root = Path(name)
        for place, owner in owners.items():
            folder = root / place
            folder.mkdir(parents=True, exist_ok=True)
            owner.save_assets(str(folder))
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return {f"{ASSETS}{path.relative_to(root).as_posix()}": path.read_bytes() for path in files}
