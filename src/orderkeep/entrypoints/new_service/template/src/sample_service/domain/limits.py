"""The limits of a sample item."""

MAX_NAME_LENGTH = 200
"""In characters."""
