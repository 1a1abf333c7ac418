"""Orders in files: JSON Lines, and CSV with one row per order line, read through a map and written to be read again."""
