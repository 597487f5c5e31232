"""A page on which a recording is worked through as with a Holter analysis.

It runs on this computer and has no logic of its own: it shows what `arrhythmia.annotate` and
``predict.py`` find, and takes a reader's decisions as ``python -m arrhythmia templates`` does.
"""
