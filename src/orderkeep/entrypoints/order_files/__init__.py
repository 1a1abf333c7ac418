"""Files of orders: JSON Lines, and CSV with one row per order line, read through a column map."""
