"""A busy port's traffic by payload, and the payloads that appeared (paper, Figure 5)."""
