"""MD5 in a kernel equals hashlib's, for every length around a block's end and anywhere in a buffer."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ims.sign.digest import md5


def digest(octets, at, n):
    return np.array(md5(octets, at, n), "<u8").tobytes()


def test_every_length_up_to_300_equals_hashlib():
    octets = np.random.default_rng(1).integers(0, 256, 310, np.uint8)
    for n in range(301):
        assert digest(octets, 5, n) == hashlib.md5(octets[5 : 5 + n].tobytes()).digest(), n


def test_the_rfc_1321_test_suite():
    message = np.frombuffer(b"message digest", np.uint8)
    assert digest(message, 0, 14).hex() == "f96b697d7cb7938d525a2f31aaf161d0"
    assert digest(message, 0, 0).hex() == "d41d8cd98f00b204e9800998ecf8427e"


@given(st.binary(max_size=1500), st.integers(0, 70), st.integers(0, 70))
def test_any_range_of_any_octets_equals_hashlib(content, before, after):
    octets = np.frombuffer(b"\xa5" * before + content + b"\x5a" * after, np.uint8)
    assert digest(octets, before, len(content)) == hashlib.md5(content).digest()


def test_the_longest_payload_equals_hashlib():
    octets = np.random.default_rng(2).integers(0, 256, 65535, np.uint8)
    assert digest(octets, 0, 65535) == hashlib.md5(octets.tobytes()).digest()


@given(st.integers(0, 100), st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_a_range_outside_the_buffer_is_never_read(size, at, n):
    octets = np.ones(size, np.uint8)
    if at >= 0 and n >= 0 and at + n <= size:
        assert digest(octets, at, n) == hashlib.md5(b"\x01" * n).digest()
    else:
        assert md5(octets, at, n) == (0, 0)
