"""The reader: restores what the writer bundled, in every way that it may be allowed to."""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bundlekit
from bundlekit import Trust

if TYPE_CHECKING:
    from collections.abc import Callable

OUT, SITE = Path(sys.argv[2]), sys.argv[3]


def same(name: str, model: Any) -> None:
    """Compare a restored model with what the writer saw of its own."""
    from bundlekit_keras.observe import KerasObserver

    from bundlekit.testing.comparison import compare, report

    seen, x, y = pickle.loads((OUT / f"{name}.seen").read_bytes())
    observer = KerasObserver()
    differences = compare(seen, [*observer.state(model), *observer.behaviour(model, x, y)])
    assert not differences, report(differences)


def refused(path: Path, **allowed: Any) -> bundlekit.MissingCustomObjects:
    try:
        bundlekit.load(path, **allowed)
    except bundlekit.MissingCustomObjects as error:
        return error
    raise AssertionError("nothing was missing")


def by_value(name: str) -> None:
    path = OUT / f"{name}.value.bundle"
    error = refused(path)
    assert {need.travels for need in error.missing} == {"value"}
    assert {need.identity for need in bundlekit.Bundle(path).needs} == {
        need.identity for need in error.missing
    }
    assert refused(path, trust=["acme_shape", "main"]).missing == error.missing
    model = bundlekit.load(path, trust=Trust(code=True))
    assert "acme_shapes" not in sys.modules, "code by value needs no import"
    assert_registry_is_empty()
    same(name, model)


def by_reference(name: str) -> None:
    forget()
    path = OUT / f"{name}.reference.bundle"
    error = refused(path, trust=Trust(code=True))
    assert not error.code
    with warnings.catch_warnings():
        warnings.simplefilter("error", bundlekit.BundleWarning)
        same(name, bundlekit.load(path, trust=error.trust))


def assert_registry_is_empty() -> None:
    import keras

    assert keras.saving.get_custom_objects() == {}


# --- the routes of the model `everything` --------------------------------------------------------

PATH = OUT / "everything.reference.bundle"


def objects(key: Callable[[Any], str]) -> dict[str, Any]:
    """Give all that the model needs, by a name of each; nothing of it is registered."""
    import importlib

    import keras

    found = {}
    for need in bundlekit.Bundle(PATH).needs:
        obj = importlib.import_module(need.module or "")
        for step in (need.qualname or "").split("."):
            obj = getattr(obj, step)
        found[key(need)] = obj
    keras.saving.get_custom_objects().clear()
    return found


def nothing() -> None:
    error = refused(PATH)
    assert len(error.missing) == 14, error
    assert "acme_shapes" not in sys.modules
    assert "keras" not in sys.modules


def by_registered_name() -> None:
    same("everything", bundlekit.load(PATH, custom_objects=objects(lambda need: need.name)))
    assert_registry_is_empty()


def by_plain_name() -> None:
    same("everything", bundlekit.load(PATH, custom_objects=objects(lambda need: need.short_name)))


def by_reference_name() -> None:
    same("everything", bundlekit.load(PATH, custom_objects=objects(lambda need: need.reference)))


def scope() -> None:
    import keras

    with keras.saving.custom_object_scope(objects(lambda need: need.name)):
        same("everything", bundlekit.load(PATH))


def nested_scopes() -> None:
    import keras

    given = sorted(objects(lambda need: need.name).items())
    scope = keras.saving.custom_object_scope
    with scope(dict(given[:5])), scope(dict(given[5:9])), scope(dict(given[9:])):
        same("everything", bundlekit.load(PATH))


def scope_of_another_thread() -> None:
    import keras

    loaded: list[Any] = []
    with keras.saving.custom_object_scope(objects(lambda need: need.name)):
        thread = threading.Thread(target=lambda: loaded.append(bundlekit.load(PATH)))
        thread.start()
        thread.join()
    same("everything", loaded[0])
    assert len(refused(PATH).missing) == 14, "the scope is closed"


def registry() -> None:
    import keras

    keras.saving.get_custom_objects().update(objects(lambda need: need.name))
    same("everything", bundlekit.load(PATH))
    keras.saving.get_custom_objects().clear()


def another(factor: float) -> type:
    import keras

    class Scale(keras.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            kwargs.pop("factor")
            super().__init__(**kwargs)
            self.shift = self.add_weight(shape=(4,), name="shift")
            self.factor = factor

        def call(self, x: Any) -> Any:
            return x

    return Scale


def explicit_over_registry() -> None:
    import keras

    given, other = objects(lambda need: need.name), another(1.0)
    keras.saving.get_custom_objects()["acme>Scale"] = given.pop("acme>Scale")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = bundlekit.load(PATH, custom_objects={**given, "Scale": other})
    assert type(model.layers[0]) is other
    keras.saving.get_custom_objects().clear()


def explicit_over_scope() -> None:
    import keras

    given, other = objects(lambda need: need.name), another(1.0)
    with keras.saving.custom_object_scope(given), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = bundlekit.load(PATH, custom_objects={"acme>Scale": other})
    assert type(model.layers[0]) is other


def inner_scope_over_outer() -> None:
    import keras

    given, other = objects(lambda need: need.name), another(1.0)
    scope = keras.saving.custom_object_scope
    with scope(given), scope({"acme>Scale": other}), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = bundlekit.load(PATH)
    assert type(model.layers[0]) is other


def forget() -> None:
    if "keras" in sys.modules:
        sys.modules["keras"].saving.get_custom_objects().clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_shapes"]:
        del sys.modules[name]


def trusted(*names: str) -> None:
    forget()
    same("everything", bundlekit.load(PATH, trust=names))
    forget()


def trusted_package() -> None:
    trusted("acme_shapes")


def trusted_module() -> None:
    trusted("acme_shapes.parts")


def trusted_objects() -> None:
    forget()
    names = refused(PATH, trust=["acme_shapes.parts:Scale"]).trust
    assert len(names) == 13
    assert "acme_shapes" not in sys.modules, "not all that was needed was trusted"
    trusted(*names, "acme_shapes.parts:Scale")


def registered_afterwards() -> None:
    import keras

    given = objects(lambda need: need.name)
    bundlekit.load(PATH, custom_objects=given, register=True)
    assert keras.saving.get_custom_objects() == given
    same("everything", bundlekit.load(PATH))
    keras.saving.get_custom_objects().clear()


def nothing_left_behind() -> None:
    import keras

    given = objects(lambda need: need.name)
    keras.saving.get_custom_objects()["mine"] = before = object()
    bundlekit.load(PATH, custom_objects=given)
    broken = dict(given)
    broken["acme>Scale"] = type("Scale", (), {"__module__": "none"})
    try:
        bundlekit.load(PATH, custom_objects=broken)
    except bundlekit.NotRestorable:
        assert keras.saving.get_custom_objects() == {"mine": before}
    else:
        raise AssertionError("a class that is no layer was built")
    keras.saving.get_custom_objects().clear()


def another_source() -> None:
    given, other = objects(lambda need: need.name), another(1.0)
    recorded = next(need for need in bundlekit.Bundle(PATH).needs if need.name == "acme>Scale")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bundlekit.load(PATH, custom_objects={**given, "acme>Scale": other})
    texts = [str(w.message) for w in caught if isinstance(w.message, bundlekit.BundleWarning)]
    assert len(texts) == 1, texts
    assert recorded.source_sha256 is not None
    assert recorded.source_sha256 in texts[0]
    assert texts[0].count("sha256") == 1
    assert "acme>Scale" in texts[0]


def main() -> None:
    mode = sys.argv[1]
    wanted = os.environ.get("BUNDLEKIT_TEST_CUSTOM", "").split()
    sys.path.insert(0, str(Path(__file__).parent))
    from cases import KINDS, LAMBDAS, PLACES, ROUTES  # type: ignore[import-not-found]

    tried: dict[str, tuple[Any, ...]]
    if mode == "value":
        tried = {name: (by_value, name) for name in (*KINDS, *PLACES, *LAMBDAS)}
    elif mode == "reference":
        tried = {name: (by_reference, name) for name in KINDS}
    else:
        tried = {name: (globals()[name],) for name in ROUTES}
    if mode != "value":
        sys.path.insert(0, SITE)
    results = {}
    for name, (function, *arguments) in tried.items():
        if mode != "routes" and wanted and name not in wanted:
            continue
        try:
            function(*arguments)
            results[name] = "ok"
        except BaseException:
            results[name] = traceback.format_exc()
    (OUT / f"{mode}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main()
