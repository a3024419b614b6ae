"""Hosts identified by steps that they do one after the other (paper, section 3.2)."""
