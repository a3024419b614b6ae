"""Tokens of the API: what a secret looks like, what is stored of it, and what is no label and no number of days."""

from __future__ import annotations

import math
import re

import pytest
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from hypothesis import given
from hypothesis import strategies as st

from ims.portal.audit_line import REDACTED, line
from ims.portal.auth.tokens import LONGEST_DAYS, LONGEST_LABEL, digest, made, new_secret


def test_a_secret_is_256_bits_that_come_once_and_the_audit_log_knows_it() -> None:
    secrets = {new_secret() for _ in range(1000)}
    assert len(secrets) == 1000
    assert all(re.fullmatch(r"ims_[A-Za-z0-9_-]{43}", secret) for secret in secrets)  # 43 * 6 bits = 258
    assert all(line({"path": secret}, 512) == line({"path": REDACTED}, 512) for secret in secrets)


@given(st.text())
def test_what_is_stored_is_sha_256(secret: str) -> None:
    oracle = Hash(SHA256())
    oracle.update(secret.encode())
    assert digest(secret) == oracle.finalize()


def test_a_text_that_is_no_unicode_has_a_digest_of_its_own() -> None:
    """A caller's header may hold lone surrogates."""
    assert len({digest(text) for text in ("ims_\ud800", "ims_\ud801", "ims_?", "ims_")}) == 4


def test_a_token_ends_after_so_many_days_or_never() -> None:
    id, label, created, expires = made("laptop", 1.5, 1_000_000.0)
    assert re.fullmatch("[0-9a-f]{12}", id)
    assert (label, created, expires) == ("laptop", 1_000_000.0, 1_129_600.0)
    other, _, _, never = made("laptop", None, 1_000_000.0)
    assert (never, other == id) == (None, False)


@pytest.mark.parametrize("label", ["", "x" * (LONGEST_LABEL + 1), "a\nb", "\x1b[2J", "a\u202eb", "\x00", "\ud800"])
def test_what_is_no_label_is_refused_in_one_printable_line(label: str) -> None:
    with pytest.raises(ValueError, match="1 to 64 printable characters") as caught:
        made(label, 1, 0.0)
    assert str(caught.value).isprintable()
    assert made("é" * LONGEST_LABEL, 1, 0.0)[1] == "é" * LONGEST_LABEL


@pytest.mark.parametrize("days", [0, -1, -0.0, math.nan, math.inf, -math.inf, LONGEST_DAYS + 1, 1e300])
def test_what_is_no_number_of_days_is_refused(days: float) -> None:
    with pytest.raises(ValueError, match="more than 0 and at most 36500"):
        made("laptop", days, 0.0)
    assert made("laptop", LONGEST_DAYS, 0.0)[3] == LONGEST_DAYS * 86_400
