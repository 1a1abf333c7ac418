"""The entrypoints: they translate requests into calls of use cases, and contain no rules."""
