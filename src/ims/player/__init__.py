"""Scenarios on a live link: where `simulate` meets the sending half of `capture`.

`guard` says where that is allowed, `hand_out` moves frames from a draft to the ring, `live` plays.
"""
