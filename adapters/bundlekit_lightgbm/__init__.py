"""The adapter `lightgbm`: boosters, in LightGBM's own text format.

Estimators of LightGBM are scikit-learn's kind; the adapter `sklearn` stores them, with their
booster as a part of this adapter's.
"""
