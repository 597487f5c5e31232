"""One module a format of recordings: ``read(path, …) -> Record``; see `arrhythmia.recognise`."""
