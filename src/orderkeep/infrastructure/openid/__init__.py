"""Authentication by OpenID Connect: access tokens as JWT, verified with the keys that a provider publishes."""
