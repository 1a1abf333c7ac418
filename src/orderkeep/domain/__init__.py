"""The keep: what an order is and what may happen to it. Knows of no framework, no store and no clock."""
