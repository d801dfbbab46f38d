"""What is tried: names only, so that collecting tests imports no framework.

The writer makes one model of each name, and bundles it by reference (`auto`) and by value.
"""

KINDS = (
    "layer", "plain_layer", "nested_class", "model", "model_inside", "activation",
    "plain_activation", "initializer", "regularizer", "constraint", "loss_class", "loss_function",
    "metric_class", "metric_function", "optimizer", "schedule", "dtype_policy", "like_keras_own",
    "like_keras_own_loss", "one_name_twice", "golden", "everything",
)  # fmt: skip
"""Models of objects of the package `acme_shapes`."""

PLACES = (
    "main_class", "main_function", "main_registered", "notebook_class", "notebook_function",
    "local_class", "class_in_local_class", "closure", "closures_of_a_loop", "local_one_name_twice",
    "main_everything",
)  # fmt: skip
"""Models of objects that no fresh interpreter could import."""

LAMBDAS = ("lambda_layer", "lambda_of_a_loop", "lambda_activation")
"""Models of lambdas, which travel by value or not at all."""

ROUTES = (
    "nothing", "by_registered_name", "by_plain_name", "by_reference_name", "scope",
    "nested_scopes", "scope_of_another_thread", "registry", "explicit_over_registry",
    "explicit_over_scope", "inner_scope_over_outer", "trusted_package", "trusted_module",
    "trusted_objects", "registered_afterwards", "nothing_left_behind", "another_source",
)  # fmt: skip
"""Ways to find the objects of the model `everything`."""
