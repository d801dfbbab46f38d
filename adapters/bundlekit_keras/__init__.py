"""Keras: four adapters of one shape, and what they share.

The adapters, each in a file: `v3` (`keras`: whole models in Keras' own v3 form), `h5`
(`keras-h5`), `weights` (`keras-weights`), `config` (`keras-config`).

A config, from the live object to the file and back:

* `writing` lets Keras write it; `marks`, `discovery` and `search` find the live classes behind it;
  `reload_check`, `unwritable` and `fidelity` refuse what would not come back.
* `nodes` is the raw config as data, `legacy` brings an old one into today's form, `route` says who
  builds from it, and `audit` with `allowlist` what it may name.
* `custom_objects` and `scopes` put what was found where Keras looks; `assembly` builds and fills.

Weights, from the file to the live object:

* `hdf5` (and `heaps`) opens what is plain HDF5; `stored`, `checkpoint` and `weights_file` are the
  layouts of files, `h5_file` writes one; `addresses` and `variables` are the places in a live
  model.
* `pairing` says what belongs to what, with `by_layer`, `numbered` names, `older_places`, and
  `backwards`, the way of Keras 2 through a model; `loading` loads all of it or nothing; `quantiles`
  are weights that are none today.
* `resuming` finds the state of an optimizer; `optimizer_state` and `optimizer_v2` say what a list
  of arrays means.

Files of others: `keras_file` takes a zip or folder apart, `writer` says who wrote it, `described`
what its config tells. What Keras leaves out: `random_state`, `defaults`. What Keras keeps private:
`internals` alone. The rest: `framework`, `signature`, `observe`, `exclusive`, `undisturbed`,
`demo`.

Importing any of them imports no framework.
"""
