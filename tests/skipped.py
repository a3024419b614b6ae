"""Tests that were skipped in a run that may skip none: they are listed, and the run fails."""

from __future__ import annotations

import os

import pytest

SKIP_NOTHING = "IMS_TESTS_SKIP_NOTHING"
"""Set by .ci/run as root, and where `CI=true` is: nobody reads there what was skipped. As root any skipped test then fails
the run, for root can run all of them."""
PASSED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
"""How a run ends that has failed in nothing yet."""


def fail_if_skipped(config: pytest.Config) -> None:
    """Have a run fail that skips a test, where none may be."""
    if SKIP_NOTHING in os.environ and os.geteuid() == 0 and "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(Skipped())


FORBIDDEN = ("file systems can't be mounted here", "no user namespace can be made here", "files at both ends")
"""Of reasons: what a machine that is no whole one may forbid to root itself, and .ci/run can't install. Such tests are
listed, and the run doesn't fail for them."""


class Skipped:
    """A plugin of pytest. With several workers, only the process that hears all of them lists and fails."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test, or its fixtures."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A whole file."""
        if report.skipped:
            self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        self._reasons[report.nodeid] = reason.removeprefix("Skipped: ")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Before the summary is written."""
        failing = [why for why in self._reasons.values() if not any(words in why for words in FORBIDDEN)]
        if failing and session.exitstatus in PASSED:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line for each."""
        if self._reasons:
            terminalreporter.section(f"{len(self._reasons)} skipped, and nothing may be skipped here", red=True)
            for nodeid, reason in sorted(self._reasons.items()):
                terminalreporter.line(f"{nodeid}: {reason}")
