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

_ANY = Dropped(None)
_NO_GROUPS = Dropped((1,), "Keras 3 has no groups here")
_TIME_MAJOR = Dropped((False, None), "Keras 3 has batches first, and not time")
_NO_CONSTANTS = Dropped((None, 0), "Keras 3 gives cells no constants")
_FILTERS = Limited(("gaussian", "mitchellcubic"), "Keras 3 has no such interpolation")
_CAUSAL = Dropped((False, None), "Keras 3 is told so at the call, by use_causal_mask")
_RECURRENT: Mapping[str, Rule] = {
    "time_major": _TIME_MAJOR,
    "num_constants": _NO_CONSTANTS,
    "implementation": _ANY,
}
_SEPARABLE: Mapping[str, Rule] = {
    "groups": _NO_GROUPS,
    "kernel_initializer": _ANY,
    "kernel_regularizer": _ANY,
    "kernel_constraint": _ANY,
}
_RANDOM: Mapping[str, Rule] = {"rng_type": _ANY, "force_generator": _ANY}
_SPATIAL_DROPOUT: Mapping[str, Rule] = {"trainable": _ANY, "noise_shape": _ANY, **_RANDOM}
_NORMALIZED: Mapping[str, Rule] = {
    "axis": Converted(conversions.one_axis, "a list of one axis is that axis"),
    "renorm": Converted(conversions.renorm, "left out with what belongs to it, where it is off"),
    "virtual_batch_size": Dropped((None,), "Keras 3 has no virtual batches"),
    "fused": _ANY,
    "adjustment": Dropped((None,), "Keras 3 has no such adjustment"),
}
_LEARNED_VOCABULARY: Mapping[str, Rule] = {
    "max_values": Renamed("max_tokens"),
    "has_input_vocabulary": _ANY,
}

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
        "use_ema": Limited((True,), "Keras 3 writes averages back at other steps"),
    },
    "schedule": {"name": Converted(conversions.no_name, "a name that is null is left out")},
    "loss": {
        "reduction": Converted(
            conversions.reduction, "`auto` is `sum_over_batch_size`, as it is in `fit`"
        ),
        "fn": Dropped(None),
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
    **{f"layers.DepthwiseConv{n}D": {"groups": _NO_GROUPS} for n in (1, 2)},
    **{f"layers.SeparableConv{n}D": _SEPARABLE for n in (1, 2)},
    **{f"layers.Conv{n}DTranspose": {"groups": _NO_GROUPS} for n in (1, 2, 3)},
    **{f"layers.ConvLSTM{n}D": _RECURRENT for n in (1, 2, 3)},
    **{f"layers.{name}": _RECURRENT for name in ("RNN", "SimpleRNN", "GRU", "LSTM")},
    **{f"layers.{name}": {"implementation": _ANY} for name in ("GRUCell", "LSTMCell")},
    **{f"layers.SpatialDropout{n}D": _SPATIAL_DROPOUT for n in (1, 2, 3)},
    **{
        f"layers.{name}": _RANDOM
        for name in (
            "AlphaDropout",
            "Dropout",
            "GaussianDropout",
            "GaussianNoise",
            "RandomBrightness",
            "RandomContrast",
            "RandomFlip",
            "RandomRotation",
            "RandomTranslation",
            "RandomZoom",
        )
    },
    "layers.Bidirectional": {"num_constants": _NO_CONSTANTS},
    "layers.Embedding": {
        "input_length": _ANY,
        "sparse": Dropped((False, None), "Keras 3 has no sparse outputs of embeddings"),
    },
    "layers.BatchNormalization": _NORMALIZED,
    "layers.LeakyReLU": {"alpha": Renamed("negative_slope")},
    "layers.ReLU": {"theta": Renamed("threshold")},
    "layers.Softmax": {
        "robust_masking": Dropped((False, None), "Keras 3 masks in one way alone"),
    },
    "layers.Attention": {"causal": _CAUSAL},
    "layers.AdditiveAttention": {"causal": _CAUSAL},
    "layers.MultiHeadAttention": {
        "query_shape": _ANY,
        "key_shape": _ANY,
        "value_shape": _ANY,
        "softmax_robust_masking": Dropped((False, None), "Keras 3 masks in one way alone"),
    },
    "layers.UpSampling2D": {"interpolation": _FILTERS},
    "layers.Resizing": {"interpolation": _FILTERS},
    "layers.Discretization": {
        "trainable": _ANY,
        "bins": Converted(conversions.bins, "a list is `bin_boundaries`, a number `num_bins`"),
        "dtype": Converted(conversions.of_integers, "integers come out, and do not go in"),
    },
    "layers.CategoryEncoding": {
        "max_tokens": Renamed("num_tokens"),
    },
    "layers.StringLookup": _LEARNED_VOCABULARY,
    "layers.IntegerLookup": _LEARNED_VOCABULARY,
    "layers.Lambda": {
        "function_type": Converted(conversions.functions, "a name becomes a function's node"),
        "module": _ANY,
        "output_shape_type": _ANY,
        "output_shape_module": _ANY,
        "mask_type": _ANY,
        "mask_module": _ANY,
    },
    "optimizers.Adam": {
        "adaptive_epsilon": Dropped((False, None), "Keras 3 has no adaptive epsilon"),
    },
    "optimizers.RMSprop of keras.optimizers.legacy": {
        "momentum": Limited((0, 0.0), "its epsilon stands outside of the root, in Keras 3 inside"),
    },
    "losses.SparseCategoricalCrossentropy": {
        "ignore_class": Dropped((None,), "Keras 3 takes the mean over other samples"),
    },
    "optimizers.LossScaleOptimizer": {
        "dynamic": Dropped((True, None), "Keras 3 has no fixed loss scale"),
    },
}

CHANGED: Mapping[str, str] = {
    "optimizers.Nadam": "Keras 3 computes its steps in another way",
    "layers.RandomCrop": "Keras 3 crops nothing when it predicts, where Keras 2 resized",
}
"""Classes that are there and do something else; completes "and …"."""

_LOCAL = "Keras 3 has no locally connected layers"
_COLUMNS = "Keras 3 has no feature columns"
_CUDNN = "its weights are laid out in another way than those of Keras 3"
_DURING_TRAINING = "Keras 3 has no such layer"
GONE: Mapping[str, str] = {
    "LocallyConnected1D": _LOCAL,
    "LocallyConnected2D": _LOCAL,
    "DenseFeatures": _COLUMNS,
    "SequenceFeatures": _COLUMNS,
    "CuDNNGRU": _CUDNN,
    "CuDNNLSTM": _CUDNN,
    "RandomHeight": _DURING_TRAINING,
    "RandomWidth": _DURING_TRAINING,
    "RandomFourierFeatures": "Keras 3 has no such layer",
    "AddLoss": "Keras 3 has no losses of symbolic tensors",
    "AddMetric": "Keras 3 has no metrics of symbolic tensors",
    "LinearModel": "Keras 3 has no such model",
    "WideDeepModel": "Keras 3 has no such model",
    "LinearCosineDecay": "Keras 3 has no such schedule",
    "NoisyLinearCosineDecay": "Keras 3 has no such schedule",
    "SharpnessAwareMinimization": "Keras 3 has no such model",
    "RadialConstraint": "Keras 3 has no such constraint",
    "MeanRelativeError": "Keras 3 has no such metric",
    "MeanTensor": "Keras 3 has no such metric",
    "SumOverBatchSize": "Keras 3 has no such metric",
    "TensorFlowOpLayer": "Keras 3 runs no nodes of TensorFlow's graphs",
    "ClassMethod": "Keras 3 calls no methods of TensorFlow's classes",
    "TFClassMethodDispatch": "Keras 3 calls no methods of TensorFlow's classes",
    "InstanceMethod": "Keras 3 calls no methods of TensorFlow's tensors",
    "InstanceProperty": "Keras 3 reads no properties of TensorFlow's tensors",
}
"""Classes of Keras 2 that Keras 3 has nothing like; completes "and …"."""
