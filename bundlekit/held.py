"""What a handle holds: a live object, its bundle, or where that is.

A live object is bundled again whenever its bytes are wanted, since nobody can tell what was done
to it; but for one that was restored from these very bytes and has only predicted since.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundlekit._registry import installed
from bundlekit.bundle_type import Bundle
from bundlekit.errors import BundleError, NotRestorable, Unwritable
from bundlekit.restored import Restored
from bundlekit.trust import Trust
from bundlekit.warning import warn

if TYPE_CHECKING:
    from collections.abc import Mapping

restored = Restored()
"""What the handles of this process have restored."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the maker of a handle has said."""

    trust: Trust | None = None
    """`None`: what the bundle itself records."""
    code: str = "auto"


@dataclass(frozen=True)
class Stored:
    """A bundle in a file, and the digest that it has to have."""

    path: str
    digest: str

    def open(self) -> Bundle:
        """Read it.

        Raises:
            NotRestorable: the file is another one by now.
        """
        found = Bundle(self.path)
        if found.digest != self.digest:
            raise NotRestorable(
                f"{self.path} is another bundle than the one that the handle was made of: its "
                f"digest is {found.digest}, and was {self.digest}; make a handle of the new one",
                found=found.digest,
                expected=self.digest,
            )
        return found


class Held:
    """An object that is live, or will be.

    Args:
        terms: under which it is bundled and restored.
        kinds: the types that it is of, as dotted names, the nearest first.
        special: the special methods that a handle has to have for it.
        live: the object, if this process made it.
        bundle: what it is restored from.
        failure: why it could not be bundled.
        given: classes and functions for restoring it, by name.
    """

    def __init__(
        self,
        terms: Terms,
        kinds: tuple[str, ...],
        special: tuple[str, ...] = (),
        *,
        live: Any = None,
        bundle: Bundle | Stored | None = None,
        failure: BundleError | None = None,
        given: Mapping[str, object] | None = None,
    ) -> None:
        self.terms = terms
        self.kinds = kinds
        self.special = special
        self.failure = failure
        self._live = live
        self._bundle = bundle
        self.given: Mapping[str, object] = {**_scoped(kinds), **(given or {})}
        self._key: object = None
        """What the live object is shared under; `None` if it is this one's own."""
        self._unchanged = live is None
        self._process = os.getpid()
        self._lock = threading.RLock()
        """While it is bundled, or parted from what others share."""

    @property
    def is_live(self) -> bool:
        """Whether the object exists in this process."""
        return self._live is not None and self._process == os.getpid()

    def live(self) -> Any:
        """Give the object; restore it if it is not there.

        Raises:
            NotRestorable: it could not be bundled when it was fitted, or is not what it was.
            BundleError: as `unbundle`.
        """
        self._arrive()
        if self._live is not None:
            return self._live
        with self._lock:
            if self._live is None:
                if self._bundle is None:
                    raise self._never_bundled()
                given = tuple(sorted((name, id(obj)) for name, obj in self.given.items()))
                self._key = (self.digest, self.terms.trust, given)
                self._live = restored.get(self._key, self, self._restore)
            return self._live

    @property
    def digest(self) -> str | None:
        """The digest of the bundle that it was last captured in."""
        return None if self._bundle is None else self._bundle.digest

    def touch(self) -> None:
        """Note that the object may be changed from now on."""
        self._unchanged = False

    def part(self) -> Any:
        """Give the object as one that no other handle shares, as it is about to be changed."""
        self._arrive()
        with self._lock:
            live = self.live()
            self._unchanged = False
            if self._key is not None:
                if not restored.leave(self._key, self):
                    live = self._live = restored.alone(self._restore)
                self._key = None
        return live

    def capture(self) -> Bundle:
        """Bundle the object as it is now.

        Raises:
            BundleError: as `bundle`; or why it could not be bundled when it was fitted.
        """
        self._arrive()
        with self._lock:
            if self._live is None or (self._unchanged and self._bundle is not None):
                if self._bundle is None:
                    raise self._never_bundled()
                return self._bundle.open() if isinstance(self._bundle, Stored) else self._bundle
            from bundlekit._bundle import bundle

            made = bundle(self._live, code=self.terms.code)
            if not isinstance(self._bundle, Bundle) or made != self._bundle:
                self._bundle = made
            self.failure = None
            return made

    def try_to_capture(self) -> None:
        """Bundle the object after it was fitted; where that fails, say so, and remember why."""
        try:
            self.capture()
            return
        except BundleError as error:
            self.failure = error
        except Exception as error:  # whatever it is, what was fitted is not to be lost for it
            self.failure = Unwritable(f"{type(error).__name__}: {error}")
        self._bundle = None
        warn(
            f"the fitted {self.kinds[0]} cannot be bundled, so it will not survive pickling: "
            f"{self.failure}"
        )

    def travelling(self) -> tuple[Bundle | Stored | None, BundleError | None]:
        """Give what goes to other processes: its bytes or their place, or why there are none.

        Raises:
            BundleError: it cannot be bundled, and nobody was told yet.
        """
        if self._unchanged and isinstance(self._bundle, Stored):
            return self._bundle, None
        try:
            return self.capture(), None
        except BundleError:
            if self.failure is None:
                raise
            return None, self.failure

    def under(self, terms: Terms, given: Mapping[str, object]) -> Held:
        """Give the same object under other terms."""
        bundle, failure = self.travelling()
        live = self._live if self.is_live and self._key is None else None
        return Held(
            terms,
            self.kinds,
            self.special,
            live=live,
            bundle=bundle,
            failure=failure,
            given=given,
        )

    def _arrive(self) -> None:
        """Let go of what was made before this process was forked: what computes stayed there."""
        if self._process == os.getpid():
            return
        self._lock = threading.RLock()  # some other thread of the parent's may have held it
        self._process = os.getpid()
        if self._live is None:
            return
        with suppress(BundleError):
            self.capture()
        if self._bundle is None and self.failure is None:
            return  # nothing was built yet
        self._live, self._key = None, None
        warn(
            f"the {self.kinds[0]} is restored in a process that was forked from one where it was "
            f"live; TensorFlow and JAX wait for ever in such a process once they have computed in "
            f"the first; start processes with multiprocessing.get_context('spawn')"
        )

    def _restore(self) -> Any:
        from bundlekit._bundle import unbundle

        bundle = self._bundle.open() if isinstance(self._bundle, Stored) else self._bundle
        if bundle is None:
            raise self._never_bundled()
        trust = recorded(bundle) if self.terms.trust is None else self.terms.trust
        return unbundle(bundle, custom_objects=self.given, trust=trust)

    def _never_bundled(self) -> NotRestorable:
        error = NotRestorable(
            f"the {self.kinds[0]} is not here, since it could not be bundled when it was fitted: "
            f"{self.failure}; mend that where it is fitted, fit it again, and heed the warning",
            type=self.kinds[0],
            reason=self.failure,
        )
        error.__cause__ = self.failure
        return error


def kinds_of(obj: Any) -> tuple[str, ...]:
    """Name the types of an object, the nearest first."""
    return tuple(f"{cls.__module__}.{cls.__qualname__}" for cls in type(obj).__mro__[:-1])


def recorded(bundle: Bundle) -> Trust:
    """Give the trust that restoring a bundle takes: its own imports, code and operations."""
    needs = bundle.needs
    return Trust(
        imports=[need.reference for need in needs if need.reference and not need.code],
        code=any(need.code or need.kind == "lambda" for need in needs),
        ops=[need.name for need in needs if need.is_op],
    )


def class_among(kinds: tuple[str, ...]) -> type | None:
    """Find the nearest of some types that this process has imported; nothing is imported."""
    for name in kinds:
        module, _, qualname = name.rpartition(".")
        found = getattr(sys.modules.get(module), qualname, None)
        if isinstance(found, type):
            return found
    return None


def _scoped(kinds: tuple[str, ...]) -> dict[str, object]:
    """Give what the open scopes of this thread hold, for other threads that will restore it."""
    packages = {name.partition(".")[0] for name in kinds} - {"builtins"}
    if not packages & sys.modules.keys():
        return {}
    found: dict[str, object] = {}
    for record in installed().usable:
        found |= record.scoped()
    return found


def source_of(source: Any) -> Bundle | Stored:
    """Take an artifact for what it is: bytes, or a file that stays where it is."""
    if isinstance(source, str | os.PathLike):
        return Stored(str(Path(source).absolute()), Bundle(source).digest)
    return Bundle(source)


def kind_in(source: Bundle | Stored) -> str:
    """Name the type of what an artifact holds."""
    return (source.open() if isinstance(source, Stored) else source).manifest.type
