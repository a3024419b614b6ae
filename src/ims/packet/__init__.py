"""A packet's layers, each with what reads it and what writes it. Stages stand on it; it knows none of them."""
