"""Random student groups from text files, as HTML tables: an example in four layers."""
