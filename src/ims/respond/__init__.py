"""Packets to replies: who may be answered, with what, how often. Kernels and tables; sockets and clocks are the
sensor's."""
