"""Keras models: the adapters, and what they share.

* `v3`: the adapter `keras`, whole models in Keras' own v3 form.
* `nodes`: the raw config, as data: what it names, and one numbering of what it shares.
* `custom_objects`: the classes and functions that a config needs, found.
* `fidelity`: what a Keras file keeps, what it does not, and what it would get wrong.
* `defaults`: the process-wide defaults that a model was made under.
* `random_state`: the states of random generators, which Keras leaves out.
* `signature`: inputs and outputs.
* `framework`: the installed Keras, or a clear word that there is none.
* `internals`: the only module that touches what Keras keeps private.
* `observe`: what tests compare.

Importing any of them imports no framework.
"""
