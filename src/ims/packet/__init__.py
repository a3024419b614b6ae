"""A packet's layers, each with what reads it and what writes it. Stages use it; it imports none of them."""
