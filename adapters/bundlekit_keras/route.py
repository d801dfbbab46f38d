"""Which Keras builds the model of a file: the installed one, or the tf_keras that knows Keras 2.

A config of Keras 2 is brought into today's form. Where that cannot be done without computing
something else, the real Keras 2 has to build it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bundlekit_tensorflow import keras_2

from bundlekit.errors import Damaged, NotRestorable
from bundlekit.warning import warn
from bundlekit_keras import audit, legacy
from bundlekit_keras.framework import REQUIRED
from bundlekit_keras.legacy import compiling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bundlekit.adapter import Context, Need, Payload
    from bundlekit.manifest import Part
    from bundlekit.source import Buffer
    from bundlekit_keras.writer import Writer

OWN = "its writer was tf_keras"
"""The reason, where a live model of tf_keras was bundled."""


@dataclass(frozen=True)
class Route:
    """A config, and who builds from it."""

    config: dict[str, Any]
    """The node of the model, in today's form; for tf_keras as it is stored."""
    training: dict[str, Any] | None
    """For tf_keras: what the model was compiled with, where that is stored apart."""
    writer: Writer
    reason: str | None = None
    """Why tf_keras builds it; `None` where the installed Keras does."""

    @property
    def is_tf_keras(self) -> bool:
        """Whether tf_keras builds it."""
        return self.reason is not None

    @property
    def requires(self) -> tuple[str, ...]:
        """What has to be installed for that."""
        return keras_2.REQUIRED if self.is_tf_keras else REQUIRED

    def needs(self, part: Part, what: str) -> tuple[Need, ...]:
        """Name what building takes from outside, from the config alone.

        Raises:
            Refused, Damaged: as the audits find.
        """
        if self.is_tf_keras:
            return keras_2.needs(self.config, self.training, part, what)
        return audit.needs(self.config, part.custom_objects, written_by=self.writer.version)

    def by_tf_keras(self, payload: Payload, context: Context, files: Mapping[str, Buffer]) -> Any:
        """Let tf_keras build and fill the model, and say so where nobody asked for it.

        Raises:
            FrameworkMissing, NotRestorable: tf_keras is not there, or failed.
        """
        reason = self.reason or ""
        model = keras_2.loaded(payload, context, files, reason)
        if reason != OWN:
            warn(
                f"{payload.part.name!r} comes back as a model of tf_keras, since {reason}; "
                f"keras.saving does not read it"
            )
        return model


def route(
    raw: Any,
    training: dict[str, Any] | None,
    writer: Writer,
    what: str,
    *,
    own: bool = False,
    today: bool = False,
) -> Route:
    """Find out who builds from a config.

    Args:
        raw: the node of the model, as stored.
        training: what it was compiled with, where that is stored apart.
        writer: who wrote it.
        what: the file, for the errors.
        own: whether a live model of tf_keras was bundled, which is what should come back.
        today: whether the installed Keras wrote it for a bundle, so that it is left as it is.

    Raises:
        Damaged, NotRestorable: it is no config, or nobody can build from it.
    """
    if not isinstance(raw, dict) or not {"class_name", "config"} <= set(raw):
        raise Damaged(f"{what} holds no config of a model", member=what)
    if own:
        return Route(raw, training, writer, OWN)
    if today:
        return Route(raw, None, writer)
    if writer.is_keras_2 and audit.carries_code(raw):
        return _of_keras_2(raw, training, writer, "it carries code, which only Keras 2 can read")
    try:
        config: dict[str, Any] = legacy.modern(raw, written_by=writer.version)
        if training is not None:
            inner = raw["config"] if isinstance(raw["config"], dict) else {}
            compile_config = legacy.modern_compile_config(
                training,
                written_by=writer.version,
                output_names=compiling.names_of_outputs(inner),
            )
            config = {**config, "compile_config": compile_config}
    except NotRestorable as error:
        if not writer.is_keras_2:
            raise
        return _of_keras_2(raw, training, writer, f"Keras 3 cannot express it: {error}")
    return Route(config, None, writer)


def _of_keras_2(
    raw: dict[str, Any], training: dict[str, Any] | None, writer: Writer, reason: str
) -> Route:
    if training is None and isinstance(raw.get("compile_config"), dict):
        training = raw["compile_config"]
        raw = {key: value for key, value in raw.items() if key != "compile_config"}
    return Route(raw, training, writer, reason)
