"""The use cases, one module each: the list of files is the list of features."""
