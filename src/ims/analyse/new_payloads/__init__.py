"""Payloads never seen before, and to which places each came in turn (paper, section 2.3)."""
