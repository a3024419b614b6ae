"""Who asks: accounts, roles, tokens, and how often each may try."""
