"""Access control: actors and scopes, authentication, API keys and rate limits."""
