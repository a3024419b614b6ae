"""Scenarios on a live link: where `simulate` meets the sending half of `capture`.

`guard` says where that is allowed, `transmit` moves frames from a frame buffer to the ring, `live` plays.
"""
