"""The handle: an object that behaves as a model, and persists wherever it is pickled.

It forwards everything to the live object, and is pickled as that object's bundle. Unpickling
builds nothing and imports no framework; the object is restored when it is first used, once per
process. The idea is R's: a fitted thing that holds its own bytes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from bundlekit.bundle_type import Bundle
from bundlekit.errors import NotBuilt
from bundlekit.held import Held, Terms, class_among, kind_in, kinds_of, restored, source_of
from bundlekit.resolution import require_objects
from bundlekit.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import SupportsIndex

    from bundlekit.errors import BundleError
    from bundlekit.held import Stored
    from bundlekit.restored import Restored

_FITTING = frozenset({"fit", "fit_predict", "fit_transform", "partial_fit"})
"""What a handle captures the object after."""
_CHANGING = _FITTING | {
    "add", "build", "build_from_config", "compile", "enable_lora", "load_weights", "pop",
    "quantize", "reset_metrics", "reset_states", "set_output", "set_params", "set_weights",
    "train_on_batch", "load_own_variables", "load_state_dict",
}  # fmt: skip
_READING = frozenset({
    "apply", "decision_function", "get_params", "inverse_transform", "kneighbors", "predict",
    "predict_log_proba", "predict_on_batch", "predict_proba", "score", "transform",
})  # fmt: skip
_PLAIN = (str, int, float, type(None))
_SPECIAL = ("__call__", "__contains__", "__getitem__", "__iter__", "__len__")


class Handle:
    """A model that persists by itself; made by `bundlekit.portable`.

    Attributes of its own are `live`, the object, and `bundle`, the object as it is now; all others
    are the object's. `isinstance` sees the object's type, or what this process has imported of it.
    """

    __slots__ = ("__weakref__", "_held")

    _held: Held

    def __init__(self, found: Held) -> None:
        object.__setattr__(self, "_held", found)

    @property
    def live(self) -> Any:
        """The object itself, restored if need be; other handles of this process may share it.

        Raises:
            NotRestorable: it could not be bundled when it was fitted.
            BundleError: as `bundlekit.unbundle`.
        """
        self._held.touch()
        return self._held.live()

    @property
    def bundle(self) -> Bundle:
        """The bundle of the object as it is now.

        Raises:
            BundleError: as `bundlekit.bundle`.
        """
        return self._held.capture()

    @property  # type: ignore[misc]  # read-only: to set it sets that of the object
    def __class__(self) -> type:
        if self._held.is_live:
            return type(self._held.live())
        return class_among(self._held.kinds) or type(self)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        found: dict[str, Any] = vars(self._held.live())
        return found

    def __getattr__(self, name: str) -> Any:
        # What asks for special names, such as copy and Dask, asks about the handle.
        special = name.startswith("__") and not name.startswith("__sklearn_")
        special |= name == "_held"  # it is made without one while it is copied
        notebook = name.startswith(("_repr_", "_ipython_")) and not self._held.is_live
        if special or notebook:
            raise AttributeError(f"a handle has no {name!r}")
        live = self._held.live()
        found = getattr(live, name)
        if getattr(found, "__self__", None) is live:
            return Method(self, name)
        if not isinstance(found, _PLAIN):
            self._held.touch()
        return found

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._held.part(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._held.part(), name)

    def __dir__(self) -> list[str]:
        return sorted({*dir(self._held.live()), "bundle", "live"})

    def __bool__(self) -> bool:
        return True

    def __copy__(self) -> Handle:
        return _of(self._held)

    def __deepcopy__(self, memo: object) -> Handle:
        make, arguments = self.__reduce_ex__(5)
        return make(*arguments)

    def __sklearn_clone__(self) -> Handle:
        from sklearn.base import clone

        own = self._held
        return _of(Held(own.terms, own.kinds, own.special, live=clone(own.live()), given=own.given))

    def __dask_tokenize__(self) -> tuple[str, str | None]:
        self._held.travelling()
        return ("bundlekit", self._held.digest)

    def __reduce_ex__(
        self, protocol: SupportsIndex
    ) -> tuple[Callable[..., Handle], tuple[object, ...]]:
        own = self._held
        return _unpickled, (own.terms, own.kinds, own.special, *own.travelling())

    def __repr__(self) -> str:
        own = self._held
        state = "live" if own.is_live else "not restored yet"
        digest = f", {own.digest[:12]}…" if own.digest else ""
        return f"<portable {own.kinds[0]}, {state}{digest}>"


class Method:
    """A method of a handle's object, which is pickled with the handle and looked up when called."""

    __slots__ = ("__weakref__", "_handle", "_name")

    def __init__(self, handle: Handle, name: str) -> None:
        self._handle = handle
        self._name = name

    @property
    def __name__(self) -> str:
        return self._name

    @property
    def __wrapped__(self) -> Any:
        return getattr(self._handle._held.live(), self._name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call it; give the handle where the object gives itself."""
        own = self._handle._held
        if self._name in _READING:
            live = own.live()
        else:
            live = own.part() if self._name in _CHANGING else own.live()
            own.touch()
        result = getattr(live, self._name)(*arguments, **options)
        if self._name in _FITTING:
            own.try_to_capture()
        return self._handle if result is live else result

    def __reduce__(self) -> tuple[type[Method], tuple[Handle, str]]:
        return Method, (self._handle, self._name)

    def __repr__(self) -> str:
        return f"<method {self._name} of {self._handle!r}>"


class Portable:
    """What `bundlekit.portable` is: a function, and what handles have restored in this process.

    Attributes:
        restored: how many objects are shared at most (`resize`), how many were restored
            (`count`), and a way to forget them (`clear`).
    """

    restored: Restored = restored

    def __call__(
        self,
        obj: Any,
        *,
        trust: Trust | Iterable[str] | None = None,
        custom_objects: Mapping[str, object] | None = None,
        code: str = "auto",
    ) -> Any:
        """Give a handle that behaves as an object, and persists with whatever holds it.

        `pickle`, `joblib`, `cloudpickle`, `copy.deepcopy` and processes that are spawned take the
        handle, or anything that holds it, as the bytes of a bundle; with protocol 5 out of band.
        There, it is restored when it is first used, once per process, and shared: by threads, and
        by other handles of the same bundle, until one of them is fitted, compiled or changed.

        A live object is bundled now, and again at the end of each `fit` and whenever it is pickled,
        so that what travels is what it is then. An estimator that turns out not to be storable
        when it was fitted is a `BundleWarning`, and fitting goes on; after a pickle, its first use
        raises `NotRestorable` with the cause.

        Args:
            obj: a built model, an estimator, fitted or not, or anything else that `bundle` takes.
                Or an artifact: a `Bundle`, its bytes, or a path; of a path, the handle holds the
                path and the digest, for processes that see the same files.
            trust: what restoring may import and run, as for `unbundle`. By default, for a live
                object: what its own bundle records, since whoever unpickles it has trusted a
                pickle. For an artifact: nothing.
            custom_objects: classes and functions for restoring it in this process; open scopes
                of this thread are taken as well.
            code: how classes and functions of yours travel, as for `bundle`.

        Raises:
            UnsupportedObject, Unwritable: it cannot be bundled.
            InvalidTrust: `trust` is a bare boolean, or names what is no name.
            NotABundle, Damaged, TooNew: what an artifact is instead.

        Example:
            >>> model = bundlekit.portable(model)  # doctest: +SKIP
            >>> data = pickle.dumps({"model": model, "threshold": 0.3})  # doctest: +SKIP
            >>> pickle.loads(data)["model"].predict(x)  # doctest: +SKIP
        """
        given = require_objects(custom_objects)
        allowed = None if trust is None else Trust.of(trust)
        if isinstance(obj, Bundle | bytes | bytearray | memoryview | str | os.PathLike):
            source = source_of(obj)
            terms = Terms(trust=allowed or Trust(), code=code)
            return _of(Held(terms, (kind_in(source),), _SPECIAL, bundle=source, given=given))
        terms = Terms(trust=allowed, code=code)
        if is_handle(obj):
            return _of(object.__getattribute__(obj, "_held").under(terms, given))
        defined = {name for cls in type(obj).__mro__ for name in vars(cls)}
        special = tuple(name for name in _SPECIAL if name in defined)
        found = Held(terms, kinds_of(obj), special, live=obj, given=given)
        with suppress(NotBuilt):  # it will be when it is fitted
            found.capture()
        return _of(found)


portable = Portable()


def is_handle(obj: object) -> bool:
    """Tell whether an object is a handle; `isinstance` sees what a handle stands for."""
    return issubclass(type(obj), Handle)


def unwrapped(obj: Any) -> Any:
    """Give the object of a handle, and anything else as it is."""
    return obj.live if is_handle(obj) else obj


def _of(found: Held) -> Handle:
    return _class_with(found.special)(found)


@cache
def _class_with(special: tuple[str, ...]) -> type[Handle]:
    """Make the class of handles whose objects have these special methods, and no others."""
    methods = {name: _forwarding(name) for name in special}
    return type("Handle", (Handle,), {"__slots__": (), "__module__": __name__, **methods})


def _forwarding(name: str) -> Callable[..., Any]:
    def forward(self: Handle, *arguments: Any, **options: Any) -> Any:
        live = self._held.live()
        if name != "__call__":
            self._held.touch()
        return getattr(live, name)(*arguments, **options)

    return forward


def _unpickled(
    terms: Terms,
    kinds: tuple[str, ...],
    special: tuple[str, ...],
    bundle: Bundle | Stored | None,
    failure: BundleError | None,
) -> Handle:
    return _of(Held(terms, kinds, special, bundle=bundle, failure=failure))
