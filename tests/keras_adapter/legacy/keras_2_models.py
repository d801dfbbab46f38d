"""Models of Keras 2, each put together in a way that its configs write in a form of its own."""

from __future__ import annotations

from typing import Any

import numpy as np


def embedded(k: Any) -> Any:
    i = k.Input((6,))
    return (i, k.layers.Embedding(9, 4, mask_zero=True)(i))


def mask_lstm(k: Any, tf: Any) -> Any:
    i, h = embedded(k)
    h = k.layers.LSTM(3, return_sequences=True)(h)
    h = k.layers.Bidirectional(k.layers.GRU(2))(h)
    return k.Model(i, k.layers.Dense(1)(h))


def masking(k: Any, tf: Any) -> Any:
    i = k.Input((6, 3))
    h = k.layers.Masking()(i)
    h = k.layers.SimpleRNN(4, return_sequences=True)(h)
    h = k.layers.TimeDistributed(k.layers.Dense(2))(h)
    h = k.layers.GlobalAveragePooling1D()(h)
    return k.Model(i, h)


def mha(k: Any, tf: Any) -> Any:
    i = k.Input((5, 4))
    j = k.Input((3, 4))
    h = k.layers.MultiHeadAttention(2, 3)(i, j)
    h = k.layers.MultiHeadAttention(2, 3, attention_axes=(1,))(h, value=j, key=j)
    h = k.layers.LayerNormalization()(h + i)
    return k.Model([i, j], h)


def mha_kw(k: Any, tf: Any) -> Any:
    i = k.Input((5, 4))
    a = k.Input((5, 5))
    h = k.layers.MultiHeadAttention(2, 3, output_shape=6)(query=i, value=i, attention_mask=a)
    return k.Model([i, a], h)


def mha_scores(k: Any, tf: Any) -> Any:
    i = k.Input((5, 4))
    h, s = k.layers.MultiHeadAttention(2, 3)(i, i, return_attention_scores=True)
    return k.Model(i, [h, s])


def mha_causal(k: Any, tf: Any) -> Any:
    i = k.Input((5, 4))
    h = k.layers.MultiHeadAttention(2, 3)(i, i, use_causal_mask=True)
    return k.Model(i, h)


def mha_masked(k: Any, tf: Any) -> Any:
    i, h = embedded(k)
    h = k.layers.MultiHeadAttention(2, 3)(h, h)
    return k.Model(i, h)


def attn_masked(k: Any, tf: Any) -> Any:
    i, h = embedded(k)
    j = k.Input((3, 4))
    h = k.layers.Attention(use_scale=True)([h, h])
    h = k.layers.AdditiveAttention()([j, h])
    return k.Model([i, j], h)


def initial_state(k: Any, tf: Any) -> Any:
    i = k.Input((5, 4))
    h, a, b = k.layers.LSTM(3, return_state=True, return_sequences=True)(i)
    o = k.layers.LSTM(3)(h, initial_state=[a, b])
    return k.Model(i, o)


def gru_state(k: Any, tf: Any) -> Any:
    i = k.Input((5, 4))
    s = k.Input((3,))
    o = k.layers.GRU(3)(i, initial_state=s)
    return k.Model([i, s], o)


def bidir_state(k: Any, tf: Any) -> Any:
    i = k.Input((5, 4))
    h = k.layers.Bidirectional(k.layers.LSTM(3, return_state=True, return_sequences=True))(i)
    o = k.layers.Bidirectional(k.layers.LSTM(3), merge_mode="sum")(h[0], initial_state=h[1:])
    return k.Model(i, o)


def bidir_backward(k: Any, tf: Any) -> Any:
    i = k.Input((5, 4))
    o = k.layers.Bidirectional(
        k.layers.LSTM(3), backward_layer=k.layers.GRU(3, go_backwards=True), merge_mode="concat"
    )(i)
    return k.Model(i, o)


def rnn_cells(k: Any, tf: Any) -> Any:
    i = k.Input((5, 4))
    o = k.layers.RNN(
        k.layers.StackedRNNCells([k.layers.LSTMCell(3), k.layers.GRUCell(2)]), return_sequences=True
    )(i)
    o = k.layers.RNN(k.layers.SimpleRNNCell(3))(o)
    return k.Model(i, o)


def rnn_list(k: Any, tf: Any) -> Any:
    i = k.Input((5, 4))
    o = k.layers.RNN([k.layers.LSTMCell(3), k.layers.LSTMCell(2)])(i)
    return k.Model(i, o)


def shared(k: Any, tf: Any) -> Any:
    i = k.Input((4,))
    j = k.Input((4,))
    d = k.layers.Dense(4, name="sh")
    h = k.layers.Concatenate()([d(i), d(d(j))])
    return k.Model([i, j], [k.layers.Dense(1)(h), d(i)])


def nested_func(k: Any, tf: Any) -> Any:
    a = k.Input((4,))
    inner = k.Model(a, k.layers.Dense(3)(a), name="inner")
    i = k.Input((4,))
    j = k.Input((4,))
    return k.Model([i, j], k.layers.Add()([inner(i), inner(j)]))


def nested_seq(k: Any, tf: Any) -> Any:
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(3)], name="inner")
    i = k.Input((4,))
    j = k.Input((4,))
    return k.Model([i, j], k.layers.Add()([inner(i), inner(j)]))


def nested_seq_deferred(k: Any, tf: Any) -> Any:
    inner = k.Sequential([k.layers.Dense(4), k.layers.Dense(4)], name="inner")
    i = k.Input((4,))
    return k.Model(i, inner(inner(i)))


def seq_in_seq(k: Any, tf: Any) -> Any:
    return k.Sequential(
        [
            k.Input((4,)),
            k.Sequential([k.layers.Dense(3), k.layers.BatchNormalization()]),
            k.layers.Dense(2),
        ]
    )


def func_in_seq(k: Any, tf: Any) -> Any:
    a = k.Input((4,))
    inner = k.Model(a, k.layers.Dense(3)(a))
    return k.Sequential([inner, k.layers.Dense(2)])


def func_in_seq2(k: Any, tf: Any) -> Any:
    a = k.Input((4,))
    inner = k.Model(a, k.layers.Dense(3)(a))
    return k.Sequential([k.Input((4,)), inner, k.layers.Dense(2)])


def seq_in_func_in_seq(k: Any, tf: Any) -> Any:
    s = k.Sequential([k.Input((4,)), k.layers.Dense(3)])
    a = k.Input((4,))
    inner = k.Model(a, s(a))
    return k.Sequential([inner, s.__class__([k.layers.Dense(2)])])


def frozen(k: Any, tf: Any) -> Any:
    a = k.Input((4,))
    inner = k.Model(a, k.layers.BatchNormalization()(k.layers.Dense(3)(a)), name="inner")
    inner.trainable = False
    i = k.Input((4,))
    return k.Model(i, k.layers.Dense(1)(inner(i, training=False)))


def multi_nested_out(k: Any, tf: Any) -> Any:
    a = k.Input((4,))
    inner = k.Model(a, [k.layers.Dense(3)(a), k.layers.Dense(2)(a)], name="inner")
    i = k.Input((4,))
    p, q = inner(i)
    return k.Model(i, [k.layers.Dense(1)(q), p])


def dict_out(k: Any, tf: Any) -> Any:
    i = k.Input((4,), name="z")
    return k.Model(i, {"b": k.layers.Dense(1)(i), "a": k.layers.Dense(2)(i)})


def dict_in(k: Any, tf: Any) -> Any:
    i = k.Input((4,), name="z")
    j = k.Input((3,), name="a")
    return k.Model({"z": i, "a": j}, k.layers.Concatenate()([i, j]))


def nested_dict_in(k: Any, tf: Any) -> Any:
    i = k.Input((4,), name="z")
    j = k.Input((3,), name="a")
    inner = k.Model({"z": i, "a": j}, k.layers.Concatenate()([i, j]))
    p, q = (k.Input((4,)), k.Input((3,)))
    return k.Model([p, q], inner({"z": p, "a": q}))


def list_of_one(k: Any, tf: Any) -> Any:
    i = k.Input((4,))
    return k.Model([i], [k.layers.Dense(2)(i)])


def mixed(k: Any, tf: Any) -> Any:
    k.mixed_precision.set_global_policy("mixed_float16")
    try:
        i = k.Input((4,))
        h = k.layers.Dense(3, activation="relu")(i)
        h = k.layers.BatchNormalization()(h)
        return k.Model(i, k.layers.Dense(2, dtype="float32")(h))
    finally:
        k.mixed_precision.set_global_policy("float32")


def mixed_hard(k: Any, tf: Any) -> Any:
    k.mixed_precision.set_global_policy("mixed_float16")
    try:
        i = k.Input((5, 4))
        h = k.layers.LSTM(3, recurrent_activation="hard_sigmoid")(i)
        return k.Model(i, k.layers.Dense(2, dtype="float32", activation="hard_sigmoid")(h))
    finally:
        k.mixed_precision.set_global_policy("float32")


def float64(k: Any, tf: Any) -> Any:
    i = k.Input((4,), dtype="float64")
    return k.Model(i, k.layers.Dense(3, dtype="float64", activation="hard_sigmoid")(i))


def convlstm_default(k: Any, tf: Any) -> Any:
    i = k.Input((3, 5, 5, 2))
    return k.Model(i, k.layers.ConvLSTM2D(3, 2, return_sequences=False)(i))


def convlstm_bidir(k: Any, tf: Any) -> Any:
    i = k.Input((3, 5, 5, 2))
    return k.Model(i, k.layers.Bidirectional(k.layers.ConvLSTM2D(3, 2))(i))


def act_layer(k: Any, tf: Any) -> Any:
    i = k.Input((4,))
    h = k.layers.Dense(3, activation=k.layers.LeakyReLU(0.1))(i)
    h = k.layers.Activation(k.layers.ReLU(max_value=1.0))(h)
    h = k.layers.Dense(3, activation=tf.nn.relu)(h)
    return k.Model(i, h)


def act_hard(k: Any, tf: Any) -> Any:
    i = k.Input((4,))
    return k.Model(
        i, k.layers.Activation("hard_sigmoid")(k.layers.Dense(3, activation="hard_sigmoid")(i))
    )


def timedist_model(k: Any, tf: Any) -> Any:
    a = k.Input((4,))
    inner = k.Model(a, k.layers.Dense(3)(a))
    i = k.Input((5, 4))
    return k.Model(i, k.layers.TimeDistributed(inner)(i))


def timedist_conv(k: Any, tf: Any) -> Any:
    i = k.Input((3, 6, 6, 2))
    return k.Model(i, k.layers.TimeDistributed(k.layers.TimeDistributed(k.layers.Dense(2)))(i))


def stateful(k: Any, tf: Any) -> Any:
    i = k.Input(batch_shape=(2, 5, 4))
    return k.Model(i, k.layers.LSTM(3, stateful=True)(i))


def first_shape(k: Any, tf: Any) -> Any:
    return k.Sequential([k.layers.Dense(3, input_shape=(4,)), k.layers.Dense(2)])


def seq_embed(k: Any, tf: Any) -> Any:
    return k.Sequential(
        [k.layers.Embedding(9, 4, input_length=6), k.layers.Flatten(), k.layers.Dense(2)]
    )


def regular(k: Any, tf: Any) -> Any:
    i = k.Input((4,))
    h = k.layers.Dense(
        3,
        kernel_regularizer=k.regularizers.l1_l2(0.1, 0.2),
        bias_regularizer="l2",
        activity_regularizer=k.regularizers.L1(0.1),
        kernel_constraint=k.constraints.MaxNorm(2.0, axis=0),
        kernel_initializer=k.initializers.RandomNormal(seed=3),
    )(i)
    return k.Model(i, h)


def ortho(k: Any, tf: Any) -> Any:
    i = k.Input((4,))
    h = k.layers.Dense(
        3,
        kernel_regularizer=k.regularizers.OrthogonalRegularizer(),
        kernel_initializer="orthogonal",
        bias_constraint="non_neg",
        bias_initializer=k.initializers.Constant(0.3),
    )(i)
    h = k.layers.Dense(
        3,
        kernel_initializer=k.initializers.VarianceScaling(2.0, "fan_out", "uniform"),
        bias_initializer=k.initializers.TruncatedNormal(),
        kernel_constraint=k.constraints.MinMaxNorm(),
    )(h)
    h = k.layers.Dense(
        3, kernel_initializer=k.initializers.Identity(2.0), kernel_constraint="unit_norm"
    )(h)
    return k.Model(i, h)


def training_arg(k: Any, tf: Any) -> Any:
    i = k.Input((4,))
    h = k.layers.Dropout(0.5)(i, training=False)
    h = k.layers.BatchNormalization()(h, training=False)
    return k.Model(i, h)


def mask_arg(k: Any, tf: Any) -> Any:
    i = k.Input((6, 3))
    m = k.Input((6,), dtype="bool")
    h = k.layers.LSTM(3)(i, mask=m)
    return k.Model([i, m], h)


def computed_mask(k: Any, tf: Any) -> Any:
    i = k.Input((6,))
    e = k.layers.Embedding(9, 4, mask_zero=True)
    h = e(i)
    mk = e.compute_mask(i)
    h = k.layers.LSTM(3)(h, mask=mk)
    return k.Model(i, h)


def concat_masked(k: Any, tf: Any) -> Any:
    i, h = embedded(k)
    h2 = k.layers.LSTM(4, return_sequences=True)(h)
    h = k.layers.Concatenate()([h, h2])
    return k.Model(i, k.layers.LSTM(3)(h))


def softmax_mask(k: Any, tf: Any) -> Any:
    i = k.Input((6,))
    m = k.Input((6,))
    return k.Model([i, m], k.layers.Softmax()(i, mask=m))


def text(k: Any, tf: Any) -> Any:
    i = k.Input((1,), dtype="string")
    h = k.layers.TextVectorization(vocabulary=["a", "b"], output_mode="int")(i)
    h = k.layers.Embedding(5, 3, mask_zero=True)(h)
    return k.Model(i, k.layers.GRU(2)(h))


def norm(k: Any, tf: Any) -> Any:
    i = k.Input((3,))
    n = k.layers.Normalization()
    n.adapt(np.arange(12.0).reshape(4, 3))
    return k.Model(i, n(i))


def norm_layer_multi(k: Any, tf: Any) -> Any:
    i = k.Input((4, 3))
    n = k.layers.Normalization(axis=(1, 2))
    n.adapt(np.random.default_rng(0).normal(size=(5, 4, 3)))
    return k.Model(i, n(i))


def sparse_in(k: Any, tf: Any) -> Any:
    i = k.Input((4,), sparse=True)
    return k.Model(i, k.layers.Dense(2)(i))


def resnet(k: Any, tf: Any) -> Any:
    i = k.Input((8, 8, 3))
    h = k.layers.Conv2D(4, 3, padding="same")(i)
    s = h
    for _ in range(2):
        h = k.layers.BatchNormalization()(h)
        h = k.layers.ReLU()(h)
        h = k.layers.Conv2D(4, 3, padding="same")(h)
        h = k.layers.Add()([h, s])
        s = h
    return k.Model(i, k.layers.Dense(2)(k.layers.GlobalAveragePooling2D()(h)))


def mobilenet(k: Any, tf: Any) -> Any:
    return k.applications.MobileNetV2((32, 32, 3), weights=None, classes=4, alpha=0.35)


def mobilenetv3(k: Any, tf: Any) -> Any:
    return k.applications.MobileNetV3Small(
        weights=None, input_shape=(32, 32, 3), classes=3, minimalistic=True
    )


def model_twice(k: Any, tf: Any) -> Any:
    a = k.Input((4,))
    h = k.layers.Dense(4, name="d")(a)
    inner = k.Model(a, h * 2.0 + a, name="inner")
    i = k.Input((4,))
    o = inner(inner(i))
    return k.Model(i, tf.concat([o, i], 1))


def dot_merge(k: Any, tf: Any) -> Any:
    i, j = (k.Input((4,)), k.Input((4,)))
    return k.Model(
        [i, j], k.layers.Dot(1, normalize=True)([k.layers.Dense(3)(i), k.layers.Dense(3)(j)])
    )


MODELS = (
    mask_lstm,
    masking,
    mha,
    mha_kw,
    mha_scores,
    mha_causal,
    mha_masked,
    attn_masked,
    initial_state,
    gru_state,
    bidir_state,
    bidir_backward,
    rnn_cells,
    rnn_list,
    shared,
    nested_func,
    nested_seq,
    nested_seq_deferred,
    seq_in_seq,
    func_in_seq,
    func_in_seq2,
    seq_in_func_in_seq,
    frozen,
    multi_nested_out,
    dict_out,
    dict_in,
    nested_dict_in,
    list_of_one,
    mixed,
    mixed_hard,
    float64,
    convlstm_default,
    convlstm_bidir,
    act_layer,
    act_hard,
    timedist_model,
    timedist_conv,
    stateful,
    first_shape,
    seq_embed,
    regular,
    ortho,
    training_arg,
    mask_arg,
    computed_mask,
    concat_masked,
    softmax_mask,
    text,
    norm,
    norm_layer_multi,
    sparse_in,
    resnet,
    mobilenet,
    mobilenetv3,
    model_twice,
    dot_merge,
)
