"""The adapter `xgboost`: boosters, in XGBoost's own UBJSON.

Estimators of XGBoost are scikit-learn's kind; the adapter `sklearn` stores them, with their booster
as a part of this adapter's.
"""
