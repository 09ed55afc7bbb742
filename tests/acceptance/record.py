"""unittest's command line with a record: python record.py FILE MODULE only|without PATTERN …

FILE gets a line of JSON when a test begins and one when it ends; tests that it tells of already are not
run again, so that a run that died or hung can be taken up. Of the module's tests those run whose id matches
one of the patterns, or none of them. It is a program of its own, and imports nothing of the project: inside,
it is what the simulated host runs.
"""

from __future__ import annotations

import fnmatch
import json
import signal
import sys
import unittest
from typing import Any, TextIO


class Recording(unittest.TextTestResult):
    """Also writes down what happens, at once."""

    record: TextIO
    failed_part = (
        ""  # of the test under way; Python 3.12.1 stops skipped ones that it never started
    )

    def note(self, test: unittest.TestCase, outcome: str, detail: str = "") -> None:
        self.record.write(json.dumps([test.id(), outcome, detail]) + "\n")
        self.record.flush()

    def startTest(self, test: unittest.TestCase) -> None:
        self.note(test, "begun")
        self.failed_part = ""
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:
        if self.failed_part:
            self.note(test, "failed", self.failed_part)
        super().stopTest(test)

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.note(test, "passed")
        super().addSuccess(test)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.note(test, "skipped", reason)
        super().addSkip(test, reason)

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        if err[0].__name__ == "StrandExit":  # the run is broken off, and this is the test it was in
            self.stop()
            return
        self.note(test, "failed", f"{err[0].__name__}: {err[1]}")
        super().addError(test, err)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.note(test, "failed", f"{err[0].__name__}: {err[1]}")
        super().addFailure(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self.failed_part = f"{subtest.id()}: {err[0].__name__}: {err[1]}"
        super().addSubTest(test, subtest, err)

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.note(test, "passed", "an expected failure")
        super().addExpectedFailure(test, err)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self.note(test, "failed", "an unexpected success")
        super().addUnexpectedSuccess(test)


class Loader(unittest.TestLoader):
    """Leaves out what the record tells of, and what was not asked for."""

    done: frozenset[str] = frozenset()
    only = False
    patterns: tuple[str, ...] = ()

    def loadTestsFromNames(self, names: Any, module: Any = None) -> unittest.TestSuite:
        return self.remaining(super().loadTestsFromNames(names, module))

    def remaining(self, suite: unittest.TestSuite) -> unittest.TestSuite:
        kept: list[Any] = []
        for item in suite:
            if isinstance(item, unittest.TestSuite):
                kept.append(self.remaining(item))
            elif self.wanted(item.id()):
                kept.append(item)
        return type(suite)(kept)

    def wanted(self, test: str) -> bool:
        named = any(fnmatch.fnmatchcase(test, pattern) for pattern in self.patterns)
        return named == self.only and test not in self.done


def main() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background by a shell
        signal.signal(signal.SIGINT, signal.default_int_handler)
    path, module, choice, *patterns = sys.argv[1:]
    Loader.only = choice == "only"
    Loader.patterns = tuple(patterns)
    with open(path, "a+", encoding="utf-8") as record:
        record.seek(0)
        Loader.done = frozenset(json.loads(line)[0] for line in record)
        Recording.record = record
        unittest.main(
            module=None,
            argv=["unittest", "-v", module],
            testLoader=Loader(),
            testRunner=unittest.TextTestRunner(resultclass=Recording, verbosity=2),
        )


if __name__ == "__main__":
    main()
