"""The application layer: one use case per file, and the ports that they need."""
