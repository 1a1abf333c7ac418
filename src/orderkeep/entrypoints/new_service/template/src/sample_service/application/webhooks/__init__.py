"""Webhooks: the outbox of changes that a receiver gets, and how they are signed."""
