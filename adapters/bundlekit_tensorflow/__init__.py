"""SavedModels: the adapter, and what it shares.

* `savedmodel`: the adapter `tf-savedmodel`.
* `writing`, `unchanged`, `quiet`: the frameworks' own savers, and no trace of them.
* `wire`, `parsing`, `program`, `keras_metadata`: the files as data, read without TensorFlow.
* `audit`, `operations`, `saver`, `assets`, `keras_audit`: what a program may do.
* `reading`, `trainable`: TensorFlow's loader, and that of tf_keras.
* `keras_2`: tf_keras, for H5 and for files that Keras 3 cannot express; `keras_names`: its names.
* `inference`, `endpoint`, `structure`: the object that predicts.
* `description`, `keras_objects`, `signature`, `dtypes`: what the manifest says.
* `adoption`, `layout`, `parts`: folders that others wrote; which files there are; what comes back.
* `framework`, `versions`: the installed TensorFlow and tf_keras; programs of later ones.
* `observe`: what tests compare.

Importing any of them imports no framework.
"""
