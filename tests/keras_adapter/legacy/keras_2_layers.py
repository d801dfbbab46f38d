"""Layers of Keras 2 with arguments that are not their defaults, and the input that they take.

Each says the class, its arguments, and the shapes of its inputs without the batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    """A layer of Keras 2, and what to call it on.

    Attributes:
        layer: the class in `tf_keras.layers`.
        arguments: what it is made with.
        shapes: the shapes of its inputs, without the batch.
        ranges: the upper bound of integer inputs; `None`: the inputs are numbers around zero.
        call: keyword arguments of the call.
        words: the inputs are these words.
    """

    layer: str
    arguments: dict[str, Any]
    shapes: tuple[tuple[int, ...], ...]
    ranges: int | None = None
    call: dict[str, Any] = {}
    words: tuple[str, ...] = ()


S1, S2, S3 = (6, 3), (6, 6, 3), (5, 5, 5, 2)
ACTIVATIONS = [
    "elu",
    "exponential",
    "gelu",
    "linear",
    "mish",
    "relu",
    "selu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]


def layer(name: str, *shapes: tuple[int, ...], **arguments: Any) -> Case:
    return Case(name, arguments, shapes)


CASES: tuple[Case, ...] = (
    layer("Dense", (4,), units=3, activation="gelu", kernel_regularizer="l1_l2"),
    layer("Dense", S1, units=3, use_bias=False, kernel_initializer="he_normal"),
    layer("Dense", (4,), units=3, kernel_constraint="max_norm", bias_initializer="ones"),
    *(layer("Activation", (4,), activation=name) for name in ACTIVATIONS),
    *(layer("Dense", (4,), units=4, activation=name) for name in ACTIVATIONS),
    layer("Flatten", S2, data_format="channels_first"),
    layer("Flatten", S1),
    layer("Reshape", (12,), target_shape=(3, -1)),
    layer("Permute", S2, dims=(3, 1, 2)),
    layer("RepeatVector", (4,), n=3),
    layer("Masking", S1, mask_value=0.0),
    layer("ActivityRegularization", (4,), l1=0.1, l2=0.2),
    layer("Dropout", (4,), rate=0.3, seed=4),
    layer("Dropout", S1, rate=0.3, noise_shape=(None, 1, 3)),
    layer("SpatialDropout1D", S1, rate=0.3),
    layer("SpatialDropout2D", S2, rate=0.3, data_format="channels_first"),
    layer("SpatialDropout3D", S3, rate=0.3),
    layer("GaussianNoise", (4,), stddev=0.3, seed=3),
    layer("GaussianDropout", (4,), rate=0.3, seed=3),
    layer("AlphaDropout", (4,), rate=0.3, noise_shape=(None, 1), seed=3),
    layer("UnitNormalization", S1, axis=-1),
    layer("LayerNormalization", S1, axis=[1, 2], epsilon=0.01),
    layer("LayerNormalization", S1, center=False, scale=False),
    layer("LayerNormalization", S2, axis=2, beta_regularizer="l2"),
    layer("GroupNormalization", (4, 6), groups=3, axis=-1),
    layer("BatchNormalization", S2, axis=1, momentum=0.5, epsilon=0.1, scale=False),
    layer("BatchNormalization", S1, center=False, moving_variance_initializer="ones"),
    layer("BatchNormalization", S1, synchronized=True),
    layer("BatchNormalization", S1, renorm=True, renorm_momentum=0.8),
    layer("experimental.SyncBatchNormalization", S1, momentum=0.7),
    layer("ReLU", (4,), max_value=1.5, negative_slope=0.2, threshold=0.1),
    layer("ReLU", (4,)),
    layer("LeakyReLU", (4,), alpha=0.45),
    layer("LeakyReLU", (4,)),
    layer("ELU", (4,), alpha=0.7),
    layer("PReLU", S1, shared_axes=[1], alpha_initializer="ones"),
    layer("Softmax", S1, axis=1),
    layer("Softmax", S1, axis=[1, 2]),
    layer("ThresholdedReLU", (4,), theta=0.5),
    layer("Conv1D", S1, filters=4, kernel_size=3, strides=2, padding="causal"),
    layer("Conv1D", (6, 4), filters=4, kernel_size=3, dilation_rate=2, groups=2),
    layer("Conv2D", S2, filters=4, kernel_size=(3, 2), padding="same", activation="relu"),
    layer("Conv2D", S2, filters=4, kernel_size=3, strides=(2, 1), use_bias=False),
    layer("Conv3D", S3, filters=3, kernel_size=2, strides=2),
    layer("Conv1DTranspose", S1, filters=4, kernel_size=3, strides=2, output_padding=1),
    layer("Conv2DTranspose", S2, filters=4, kernel_size=3, strides=2, padding="same"),
    layer("Conv2DTranspose", S2, filters=4, kernel_size=3, strides=2, output_padding=(1, 0)),
    layer("Conv3DTranspose", S3, filters=3, kernel_size=2, strides=2),
    layer("DepthwiseConv1D", S1, kernel_size=3, depth_multiplier=2, activation="relu"),
    layer("DepthwiseConv2D", S2, kernel_size=3, depth_multiplier=2, padding="same"),
    layer("DepthwiseConv2D", S2, kernel_size=3, dilation_rate=(2, 2), use_bias=False),
    layer("SeparableConv1D", S1, filters=4, kernel_size=3, depth_multiplier=2),
    layer("SeparableConv2D", S2, filters=4, kernel_size=3, strides=2, activation="relu"),
    layer("ConvLSTM1D", (3, 6, 2), filters=3, kernel_size=2, recurrent_activation="sigmoid"),
    layer("ConvLSTM2D", (3, 5, 5, 2), filters=3, kernel_size=2, recurrent_activation="sigmoid"),
    layer(
        "ConvLSTM2D",
        (3, 5, 5, 2),
        filters=3,
        kernel_size=2,
        recurrent_activation="sigmoid",
        return_sequences=True,
        go_backwards=True,
        padding="same",
    ),
    layer("ConvLSTM3D", (2, 4, 4, 4, 2), filters=2, kernel_size=2, recurrent_activation="sigmoid"),
    layer("MaxPooling1D", S1, pool_size=3, strides=2, padding="same"),
    layer("MaxPooling2D", S2, pool_size=(3, 2), strides=1, padding="same"),
    layer("MaxPooling3D", S3, pool_size=2),
    layer("AveragePooling1D", S1, pool_size=3, strides=2, padding="same"),
    layer("AveragePooling2D", S2, pool_size=(3, 2), padding="same"),
    layer("AveragePooling3D", S3, pool_size=2, strides=1),
    layer("GlobalMaxPooling1D", S1, keepdims=True),
    layer("GlobalMaxPooling2D", S2, data_format="channels_first"),
    layer("GlobalMaxPooling3D", S3),
    layer("GlobalAveragePooling1D", S1, data_format="channels_first"),
    layer("GlobalAveragePooling2D", S2, keepdims=True),
    layer("GlobalAveragePooling3D", S3),
    layer("Cropping1D", S1, cropping=(1, 2)),
    layer("Cropping2D", S2, cropping=((1, 2), (0, 1))),
    layer("Cropping3D", S3, cropping=((1, 1), (0, 1), (2, 0))),
    layer("ZeroPadding1D", S1, padding=(1, 2)),
    layer("ZeroPadding2D", S2, padding=((1, 2), (0, 1)), data_format="channels_last"),
    layer("ZeroPadding3D", S3, padding=((1, 1), (0, 1), (2, 0))),
    layer("UpSampling1D", S1, size=3),
    *(
        layer("UpSampling2D", S2, size=(2, 3), interpolation=name)
        for name in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area")
    ),
    layer("UpSampling3D", S3, size=(1, 2, 2)),
    layer("Embedding", (6,), input_dim=7, output_dim=3, input_length=6)._replace(ranges=7),
    layer("Embedding", (6,), input_dim=7, output_dim=3, mask_zero=True)._replace(ranges=7),
    *(
        layer(name, S1, S1, **more)
        for name, more in (
            ("Add", {}),
            ("Subtract", {}),
            ("Multiply", {}),
            ("Average", {}),
            ("Maximum", {}),
            ("Minimum", {}),
            ("Concatenate", {"axis": 1}),
            ("Dot", {"axes": (1, 1), "normalize": True}),
            ("Dot", {"axes": 2}),
        )
    ),
    layer("Concatenate", (3,), (4,), (2,)),
    layer("SimpleRNN", S1, units=4, activation="relu", return_sequences=True),
    layer("SimpleRNN", S1, units=4, go_backwards=True, use_bias=False, unroll=True),
    layer("GRU", S1, units=4, reset_after=False, recurrent_dropout=0.1),
    layer("GRU", S1, units=4, implementation=1, return_sequences=True),
    layer("GRU", S1, units=4, reset_after=True, use_bias=False),
    layer("LSTM", S1, units=4, unit_forget_bias=False, dropout=0.2, implementation=1),
    layer("LSTM", S1, units=4, return_sequences=True, go_backwards=True, activation="relu"),
    layer("LSTM", S1, units=4, unroll=True, kernel_constraint="unit_norm"),
    layer("LSTM", S1, units=4, recurrent_activation="hard_sigmoid"),
    layer("Attention", (4, 3), (5, 3)),
    layer("Attention", (4, 3), (5, 3), (5, 3), use_scale=True, score_mode="dot"),
    layer("Attention", (4, 3), (5, 3), use_scale=True, score_mode="concat"),
    layer("Attention", (4, 3), (5, 3), dropout=0.2),
    layer("AdditiveAttention", (4, 3), (5, 3), use_scale=True),
    layer("AdditiveAttention", (4, 3), (5, 3), use_scale=False),
    layer("EinsumDense", S1, equation="abc,cd->abd", output_shape=(None, 5), bias_axes="d"),
    layer("Rescaling", S1, scale=0.5, offset=1.0),
    layer("Resizing", S2, height=4, width=8, interpolation="nearest"),
    layer("Resizing", S2, height=4, width=8, interpolation="bilinear"),
    layer("Resizing", S2, height=4, width=8, interpolation="bicubic"),
    layer("Resizing", S2, height=4, width=8, interpolation="area"),
    layer("Resizing", S2, height=4, width=8, interpolation="lanczos3"),
    layer("Resizing", (6, 9, 3), height=4, width=5, crop_to_aspect_ratio=True),
    layer("CenterCrop", S2, height=3, width=4),
    layer("CenterCrop", S2, height=9, width=12),
    layer("RandomFlip", S2, mode="horizontal", seed=3),
    layer("RandomTranslation", S2, height_factor=0.2, width_factor=(-0.1, 0.3), fill_mode="wrap"),
    layer("RandomRotation", S2, factor=(0.1, 0.2), interpolation="nearest", fill_value=0.5),
    layer("RandomZoom", S2, height_factor=(0.1, 0.3), seed=4),
    layer("RandomContrast", S2, factor=0.4),
    layer("RandomBrightness", S2, factor=0.4, value_range=(0, 1)),
    layer("Normalization", S1, mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0]),
    layer("Normalization", S1, mean=0.3, variance=2.0, axis=None),
    layer("Normalization", S1, mean=0.3, variance=2.0, axis=None, invert=True),
    layer("Discretization", (5,), bin_boundaries=[-1.0, 0.0, 0.5]),
    layer("Discretization", (1,), bin_boundaries=[-1.0, 0.0, 0.5], output_mode="one_hot"),
    layer("Discretization", (4,), bin_boundaries=[-1.0, 0.5], output_mode="multi_hot"),
    layer("CategoryEncoding", (3,), num_tokens=6, output_mode="multi_hot")._replace(ranges=6),
    layer("CategoryEncoding", (1,), num_tokens=6, output_mode="one_hot")._replace(ranges=6),
    layer("CategoryEncoding", (3,), num_tokens=6, output_mode="count")._replace(ranges=6),
    layer("Hashing", (3,), num_bins=6, mask_value=2)._replace(ranges=60),
    layer("Hashing", (3,), num_bins=6, salt=[4, 5], output_mode="multi_hot")._replace(ranges=60),
    layer("HashedCrossing", (1,), (1,), num_bins=6)._replace(ranges=60),
    layer("IntegerLookup", (3,), vocabulary=[4, 2, 7])._replace(ranges=9),
    layer("IntegerLookup", (3,), vocabulary=[4, 2, 7], mask_token=0)._replace(ranges=9),
    layer(
        "IntegerLookup", (3,), vocabulary=[4, 2, 7], num_oov_indices=2, output_mode="multi_hot"
    )._replace(ranges=9),
    layer("StringLookup", (3,), vocabulary=["a", "b"])._replace(words=("a", "b", "c")),
    layer("StringLookup", (3,), vocabulary=["a", "b"], mask_token="c")._replace(
        words=("a", "b", "c", "d")
    ),
    layer("StringLookup", (3,), vocabulary=["a", "b"], output_mode="count")._replace(
        words=("a", "b", "c")
    ),
    layer(
        "StringLookup",
        (3,),
        vocabulary=["a", "b"],
        output_mode="tf_idf",
        idf_weights=[0.3, 0.6],
    )._replace(words=("a", "b", "c")),
    layer("StringLookup", (3,), vocabulary=["[UNK]", "a"], invert=True)._replace(ranges=2),
    layer("TextVectorization", (1,), vocabulary=["a", "b"], output_sequence_length=4)._replace(
        words=("a b", "b, C a", "d")
    ),
    layer(
        "TextVectorization", (1,), vocabulary=["a", "b", "a b"], ngrams=2, output_mode="count"
    )._replace(words=("a b", "b, C a", "d")),
    layer(
        "TextVectorization", (1,), vocabulary=["a", "b"], split="character", standardize=None
    )._replace(words=("a b", "b, C a", "dddd")),
)

REFUSED: tuple[Case, ...] = (
    layer("RandomCrop", S2, height=4, width=4, seed=3),
    layer("RandomHeight", S2, factor=0.4),
    layer("RandomWidth", S2, factor=0.4),
    layer("LocallyConnected1D", S1, filters=3, kernel_size=2),
    layer("LocallyConnected2D", S2, filters=3, kernel_size=2),
    layer("LSTM", S1, units=4, time_major=True),
    layer("UpSampling2D", S2, interpolation="mitchellcubic"),
    layer("Resizing", S2, height=4, width=4, interpolation="gaussian"),
    layer("experimental.RandomFourierFeatures", (4,), output_dim=3),
)
"""Layers that Keras 3 has nothing like, or that do something else there."""
