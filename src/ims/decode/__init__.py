"""Frames to packet columns: kernels that do no I/O and believe no length. `frames.decode_frames` is the way in."""
