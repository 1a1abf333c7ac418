"""Files of orders: JSON Lines, our own CSV, and any CSV with one row per order line, read by a converter."""
