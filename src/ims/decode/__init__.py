"""Frames to packet columns: kernels without I/O."""
