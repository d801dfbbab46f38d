"""Adapters for scikit-learn: estimators, and whatever models they hold.

* `estimator`: the adapter.
* `stand_ins`: a copy of an estimator in which others stand for models and functions.
* `skops_file`: what skops makes of that copy, and back.
* `skeleton`: the same in few words, as it is stored.
* `named`: which classes and functions a skeleton names.
* `allowlist`: which of these are scikit-learn's, numpy's and Keras' own.
* `arrays`, `values`: what a skeleton holds, read by numpy alone.
* `indices`, `trees`, `sparse`: the numbers that compiled code follows without looking.
* `faithful`: whether skops gives back what it was given.
* `slimming`: what a caller wants to leave out.
* `observe`: what tests compare.
"""
