"""What became of the arguments of Keras 2: one entry for each class and argument.

An argument that stands in no entry is the same in Keras 3. `tests/keras_adapter/legacy` builds
each layer of Keras 2 and compares outputs, and holds this table against both signatures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit_keras.legacy import conversions
from bundlekit_keras.legacy.rules import Converted, Dropped, Limited, Renamed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bundlekit_keras.legacy.rules import Rule

_NO_GROUPS = Dropped((1,), "Keras 3 has no groups here")
_TIME_MAJOR = Dropped((False, None), "Keras 3 has batches first, and not time")

KINDS: Mapping[str, Mapping[str, Rule]] = {
    "layer": {
        "batch_input_shape": Dropped(None),
        "dynamic": Dropped((False, None), "Keras 3 has no layers that only run eagerly"),
    },
    "optimizer": {
        "jit_compile": Dropped(None),
        "is_legacy_optimizer": Dropped(None),
        "decay": Converted(conversions.decay, "0 is dropped; else an `InverseTimeDecay`"),
        "lr": Renamed("learning_rate"),
    },
    "loss": {
        "reduction": Converted(
            conversions.reduction, "`auto` is `sum_over_batch_size`, as it is in `fit`"
        ),
    },
}
"""What holds for every class of a kind; the entries of a class come first."""

USERS: Mapping[str, Mapping[str, Rule]] = {
    "layer": {"batch_input_shape": Dropped(None)},
    "loss": KINDS["loss"],
}
"""What Keras 2 itself writes into the config of a user's class, by the kind of its slot."""

CLASSES: Mapping[str, Mapping[str, Rule]] = {
    "layers.InputLayer": {
        "batch_input_shape": Renamed("batch_shape"),
        "type_spec": Dropped((None,), "Keras 3 has no inputs of other types than tensors"),
    },
    "layers.DepthwiseConv1D": {"groups": _NO_GROUPS},
    "layers.DepthwiseConv2D": {"groups": _NO_GROUPS},
    "layers.SeparableConv1D": {"groups": _NO_GROUPS},
    "layers.SeparableConv2D": {"groups": _NO_GROUPS},
    "layers.Conv1DTranspose": {"groups": _NO_GROUPS},
    "layers.Conv2DTranspose": {"groups": _NO_GROUPS},
    "layers.Conv3DTranspose": {"groups": _NO_GROUPS},
    "layers.Embedding": {"input_length": Dropped(None)},
    "layers.LSTM": {"time_major": _TIME_MAJOR, "implementation": Dropped(None)},
    "layers.GRU": {"time_major": _TIME_MAJOR, "implementation": Dropped(None)},
    "layers.SimpleRNN": {"time_major": _TIME_MAJOR},
    "layers.RNN": {"time_major": _TIME_MAJOR},
    "layers.LSTMCell": {"implementation": Dropped(None)},
    "layers.GRUCell": {"implementation": Dropped(None)},
    "layers.BatchNormalization": {
        "axis": Converted(conversions.one_axis, "a list of one axis is that axis"),
        "renorm": Dropped((False,), "Keras 3 has no batch renormalization"),
        "renorm_clipping": Dropped(None),
        "renorm_momentum": Dropped(None),
        "virtual_batch_size": Dropped((None,), "Keras 3 has no virtual batches"),
        "fused": Dropped(None),
        "adjustment": Dropped((None,), "Keras 3 has no such adjustment"),
    },
    "layers.LeakyReLU": {"alpha": Renamed("negative_slope")},
}

_HARD = "Keras 2 meant clip(0.2 x + 0.5, 0, 1) by it, where Keras 3 means relu6(x + 3) / 6"
ACTIVATIONS: Mapping[str, Limited] = {"hard_sigmoid": Limited(("hard_sigmoid",), _HARD)}
"""Activations whose name means something else in Keras 3."""

GONE: Mapping[str, str] = {
    "LocallyConnected1D": "Keras 3 has no locally connected layers",
    "LocallyConnected2D": "Keras 3 has no locally connected layers",
}
"""Classes of Keras 2 that Keras 3 has nothing like; completes "and …"."""
