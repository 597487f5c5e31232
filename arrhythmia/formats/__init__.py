"""One module a file format: ``read(path, annotator)`` gives a `arrhythmia.records.Record`."""
