"""Metrics that Keras 2 wrote as a function and that are a class of their own in Keras 3."""

from __future__ import annotations

from typing import Any

from bundlekit_keras.legacy.names import Name

_OF_ITS_OWN = {"cosine_similarity": "CosineSimilarity", "cosine_proximity": "CosineSimilarity"}
"""As a loss the function of this name has the other sign, and Keras 3 finds it alone."""


def of_function(node: dict[str, Any], wrapper: Name) -> Name:
    """Give the class of a wrapped function that Keras 3 has no function for, in place."""
    function = node["config"].get("fn")
    class_name = _OF_ITS_OWN.get(function) if isinstance(function, str) else None
    if class_name is None:
        return wrapper
    del node["config"]["fn"]
    node["module"], node["class_name"] = "keras.metrics", class_name
    return Name("keras.metrics", class_name, "metric")
