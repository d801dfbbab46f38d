"""The adapter `torch`: PyTorch modules, as classes, attributes and tensors.

* `module`: the adapter.
* `structure`: a module taken apart, and put together again without calling its constructor.
* `observe`: what tests compare.
"""
