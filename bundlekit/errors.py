"""What can go wrong, as types that a caller would handle differently.

Every refusal of bundlekit is a `BundleError`, and also the builtin exception that the
caller would have caught anyway. The message is one sentence of what happened, what was
found, what was expected and what to do; the same facts are attributes. All of them
pickle, so that they cross process boundaries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bundlekit.adapter import Need
    from bundlekit.load_report import LoadReport


MAX_MESSAGE = 20_000
"""Characters of a message; what an artifact says of itself can be longer, its `facts` hold it."""


class BundleError(Exception):
    """Base of everything that bundlekit refuses.

    Args:
        message: what happened; found X, expected Y; do Z.
        **facts: the same as data; each becomes an attribute.

    Example:
        >>> error = NotABundle("no bundle: it is empty", source="model.bundle")
        >>> error.source
        'model.bundle'
    """

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(_readable(message))
        self.__dict__.update(facts)

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError and OSError would dress it up


def printable(text: str) -> str:
    """Write out what a terminal would obey."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _readable(message: str) -> str:
    # Messages quote what files say: that may be megabytes, or control characters.
    message = "\n".join(map(printable, message.split("\n")))
    if len(message) <= MAX_MESSAGE:
        return message
    half = MAX_MESSAGE // 2 - 20
    return f"{message[:half]} […{len(message) - 2 * half} characters…] {message[-half:]}"


class BundleWarning(UserWarning):
    """Something that the caller should know and that does not stop the work."""


# --- the bytes ----------------------------------------------------------------------------


class SourceMissing(BundleError, FileNotFoundError):
    """There is no file where a bundle should be."""


class SourceUnreadable(BundleError, OSError):
    """There is a file that the system does not let us read."""


class UnsupportedSource(BundleError, TypeError):
    """A source that is no bundle, bytes, path or binary file."""


class NotABundle(BundleError, ValueError):
    """The source is something else: another format, an empty file, a folder."""


class Damaged(BundleError, ValueError):
    """The source was a bundle once: it is truncated, altered, or laid out in another way."""


class LimitExceeded(BundleError, ValueError):
    """The source, or what should be written, is beyond a limit of the format."""


class TooNew(BundleError, ValueError):
    """Written to a newer format or payload version than this release reads."""


class TooOld(BundleError, ValueError):
    """Written to a payload version that the installed adapter no longer reads."""


class Unwritable(BundleError, ValueError):
    """What should be stored cannot be held by the format."""


class NoSuchMember(BundleError, KeyError):
    """The artifact stores no file at this path."""


# --- the target ---------------------------------------------------------------------------


class TargetExists(BundleError, FileExistsError):
    """There is a file at the target, and `overwrite=True` was not given."""


class TargetUnusable(BundleError, OSError):
    """The target cannot be written: a folder, a missing folder, no permission, a full disk."""


# --- adapters -----------------------------------------------------------------------------


class UnsupportedObject(BundleError, TypeError):
    """No installed adapter takes an object of this type."""


class AdapterMissing(BundleError, LookupError):
    """No installed adapter has this name."""


class AdapterBroken(BundleError, ImportError):
    """The adapter that is needed is installed and cannot be used."""


class AdapterConflict(BundleError, LookupError):
    """Two installed adapters claim the same name, or the same type."""


class FrameworkMissing(BundleError, ImportError):
    """The framework that the adapter needs is not installed, or too old."""


class UnknownOption(BundleError, TypeError):
    """An option that the chosen adapter does not have."""


# --- the object ---------------------------------------------------------------------------


class NotBuilt(BundleError, ValueError):
    """The model has no variables yet, so there is nothing to keep."""


class MissingCustomObjects(BundleError, LookupError):
    """The artifact needs classes or functions that were not found; nothing was built.

    Attributes:
        missing: all of them, in the order of the config.
        reasons: for each, why it was not found.
        custom_objects: the names under which they can be given.
        trust: the names that `trust=` would have to hold, for what travels by reference.
        code: whether some travel by value, and `Trust(code=True)` would run them.
    """

    missing: tuple[Need, ...]
    reasons: tuple[str, ...]
    custom_objects: tuple[str, ...]
    trust: tuple[str, ...]
    code: bool


class AmbiguousCustomObject(BundleError, ValueError):
    """A plain name in `custom_objects=` fits two different objects that are needed."""


class InvalidCustomObject(BundleError, TypeError):
    """What was given as a custom object is no class, or no function, where one is needed."""


class InvalidTrust(BundleError, TypeError, ValueError):
    """`trust=` is a bare boolean, or holds what is no name of a package, module or object."""


class Refused(BundleError, PermissionError):
    """The artifact asks for what is not allowed; nothing of it was imported or run."""


class InferenceOnly(BundleError, NotImplementedError):
    """The restored object predicts and does nothing else; the message says what to use instead."""


class InvalidInputs(BundleError, TypeError, ValueError):
    """Inputs are not those of the signature that is called; the message names which."""


class UnknownSignature(BundleError, LookupError):
    """The restored object has no signature of this name; the message lists those that it has."""


class NotRestorable(BundleError, RuntimeError):
    """The framework could not rebuild the object from a sound artifact."""


class ProbeFailed(NotRestorable, ValueError):
    """The restored object does not answer as it did when it was bundled.

    Attributes:
        difference: the largest; infinite where shapes, dtypes or structures differ.
        tolerance: what would have passed.
        output: the output that differs most.
    """

    difference: float
    tolerance: float
    output: str


class InvalidTarget(BundleError, TypeError):
    """What was given as `into=` is nothing that the weights could be loaded into."""


class IncompleteLoad(NotRestorable, ValueError):
    """Not all stored weights are those of the model, and that was not allowed; nothing was loaded.

    Attributes:
        report: what would have been loaded, and what not.
    """

    report: LoadReport
