"""The adapter for what holds models: dicts, lists, dataclasses, attrs classes and the like.

* `composite`: the adapter.
* `taking`: from such an object to a tree of JSON, and parts for what others claim.
* `making`: from the tree to the object.
* `tree`: what the tree looks like, and what it names.
* `values`: values of the standard library that are told by their text.
"""
