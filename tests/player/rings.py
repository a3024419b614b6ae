"""A sending ring in plain memory, read as the Linux kernel reads one (linux/if_packet.h)."""

from __future__ import annotations

import numpy as np

from ims.capture.transmit import DATA, Slots

FREE, SENT = 0, 1


class Ring:
    def __init__(self, count: int, slot: int) -> None:
        self.count, self.slot = count, slot
        self.slots = Slots(np.zeros(count * slot, np.uint8), np.zeros(1, np.int64), np.array([slot, DATA, count]))

    def states(self) -> list[int]:
        return self.slots.octets[:: self.slot].tolist()

    def frames(self) -> list[bytes]:
        """What is to be sent, in order."""
        answer = []
        for at in range(0, self.count * self.slot, self.slot):
            whole = self.slots.octets[at : at + self.slot].tobytes()
            if whole[0] == SENT:
                length = int.from_bytes(whole[DATA - 8 : DATA - 6], "little")
                assert int.from_bytes(whole[4:8], "little") == length + 10
                answer.append(whole[DATA : DATA + length])
        return answer


def ring(count: int, slot: int = 2048) -> Ring:
    return Ring(count, slot)
