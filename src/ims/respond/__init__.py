"""Packets to replies: which are answered, with what, how often. Kernels and tables; sockets and clocks are the
sensor's."""
