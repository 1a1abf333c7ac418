"""Tokens of an OpenID provider: JSON Web Tokens, signed with keys that the provider publishes."""

from orderkeep.infrastructure.openid_tokens.authenticator import OpenIdTokens

__all__ = ["OpenIdTokens"]
