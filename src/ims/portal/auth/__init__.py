"""Callers: accounts, roles, tokens, and how often each may try."""
