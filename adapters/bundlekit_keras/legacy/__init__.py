"""Configs that older Keras wrote, turned into what Keras 3 reads today.

Data to data: a config comes in as parsed JSON and goes out as parsed JSON. No framework is
imported, and nothing that a config names. What came in is not changed.

What Keras renamed is renamed, what it dropped without a loss is dropped, and what it can no longer
express is refused with a typed error: a wrong output is worse than none. What is a user's own stays
as it is, so that the audit (`bundlekit_keras.audit`) asks for it under its registered name. A
config that is modern already comes back equal, and so does one that was migrated before.

`migration` walks a config, `names` tells what a name means where it stands, `table` says what
became of each argument, `graph` rewrites how layers are connected, `operations` what Keras 2 wrote
for functions of TensorFlow, and `compiling` the arguments of `compile`.
"""

from bundlekit_keras.legacy.compiling import modern_compile_config
from bundlekit_keras.legacy.layer_names import layer_name
from bundlekit_keras.legacy.migration import modern

__all__ = ["layer_name", "modern", "modern_compile_config"]
