"""A scenario played: whiles of packets in order, a capture, and the truth about it."""
