from __future__ import annotations

from typing import Any

import keras


class Block(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x + 1.0
