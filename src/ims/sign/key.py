"""The key under which a payload is looked up: 128 bits of SipHash-1-3 under a secret key of the UTC day.

Each day's keys are derived from the sensor's secret by SipHash-2-4 of the day's number, so one table may hold
several days, and a clock that steps over midnight needs nothing done. 128 bits: of 2**32 payloads a day, no
two share a key but with a chance of 2**-65, and nobody without the secret can look for such two.
"""

from __future__ import annotations

import numpy as np

from ims.kernels import kernel
from ims.siphash import siphash128_2_4_pair


@kernel
def derive_day_keys(key0, key1, day, keys, row):
    """Fill keys[row, 0:4] for a day's number (all uint64): two words that key the day's payloads,
    two that key its table of MD5s."""
    keys[row, 0], keys[row, 1] = siphash128_2_4_pair(day, np.uint64(1), key0, key1)
    keys[row, 2], keys[row, 3] = siphash128_2_4_pair(day, np.uint64(2), key0, key1)
