"""The domain model: orders, their rules and their lifecycle, independent of frameworks, storage and time."""
