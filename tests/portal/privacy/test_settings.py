"""Settings of secrecy: read with their units, refused where they are none, described."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ims.portal.privacy.policy import SecrecySettings


@pytest.mark.parametrize(("text", "seconds"), [("1h", 3600), ("30m", 1800), ("1.5d", 129_600), ("90s", 90), (60, 60)])
def test_durations_are_read(text: Any, seconds: float) -> None:
    assert SecrecySettings(viewer_delay=text).viewer_delay == seconds


@pytest.mark.parametrize("text", ["1 hour", "-1h", "h", "", "1e400h", -1, float("nan")])
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match=r"viewer_delay"):
        SecrecySettings(viewer_delay=text)


def test_every_setting_is_described() -> None:
    assert all(field.description for field in SecrecySettings.model_fields.values())


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("viewer_delay", 0, 366 * 86_400),
        ("viewer_bin", 1, 7 * 86_400),
        ("viewer_threshold", 0, 10**9),
        ("viewer_noise", 0, 10**9),
        ("viewer_span", 1, 100 * 366 * 86_400),
    ],
)
def test_each_number_has_its_range(name: str, lowest: int, highest: int) -> None:
    for value in (lowest, highest):
        assert getattr(SecrecySettings.model_validate({name: value}), name) == value
    for value in (lowest - 1, highest + 1, -1, float("nan"), float("inf"), None, [], "many"):
        with pytest.raises(ValidationError, match=name):
            SecrecySettings.model_validate({name: value})


def test_a_word_that_is_none_is_refused_and_not_left_out() -> None:
    """Whoever wrote it believes that something is kept secret."""
    for words in ({"viewer_treshold": 5000}, {"large_blocks": "quote"}, {"large_blocks": None}):
        with pytest.raises(ValidationError, match=next(iter(words))):
            SecrecySettings.model_validate(words)


def test_without_a_word_viewers_see_less_than_with_the_least_of_each() -> None:
    settings = SecrecySettings()
    assert settings.viewer_delay > 0 and settings.viewer_threshold > 0 and settings.viewer_noise > 0
    assert settings.viewer_bin > 1 and settings.large_blocks == "withhold"


def test_they_do_not_change_once_they_are_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        SecrecySettings().viewer_noise = 0  # type: ignore[misc]
