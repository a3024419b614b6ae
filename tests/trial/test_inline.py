"""Every command that a page prints within a sentence is run by the trial, or it stands here why not."""

from __future__ import annotations

import pytest

from .inline import PAGES, inline_commands, is_run, lines_run

LINES = list(lines_run())
NOT_RUN = {
    "ims queryd": "a name of a process, which its unit starts",
    "ims ingest --unwrap": "a name of an option: tests/capture, tests/decode",
    "make demo": ".ci/demo runs it",
    "make operator-trial": "what runs all this",
    "kill -9": "an accident: tests/sensor/test_live_trouble.py",
    "aws s3api put-bucket-lifecycle-configuration": "a client of Amazon's; the rule is given to the bucket by another",
}


@pytest.mark.parametrize("page", PAGES)
def test_a_command_within_a_sentence_is_run_or_said_not_to_be(page: str) -> None:
    unknown = [command for command in inline_commands(page) if command not in NOT_RUN and not is_run(command, LINES)]
    assert unknown == []


def test_what_isn_t_run_is_still_printed_and_still_not_run() -> None:
    printed = set().union(*map(inline_commands, PAGES))
    assert NOT_RUN.keys() <= printed
    assert [command for command in NOT_RUN if is_run(command, LINES)] == []


def test_a_new_command_would_be_found() -> None:
    assert not is_run("ims sensor invent NAME", LINES)
    assert not is_run("systemctl restart ims-nothing", LINES)
    assert is_run("ims pki revoke NAME", LINES)
