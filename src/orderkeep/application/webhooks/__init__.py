"""Webhooks: subscriptions to the feed of changes, and the delivery of events to them."""
