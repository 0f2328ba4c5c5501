"""The audit of the requirements never says that all is well where nobody was asked."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

PATH = Path(__file__).parent.parent / ".ci" / "audit.py"


@pytest.fixture(scope="module")
def audit() -> Any:
    spec = importlib.util.spec_from_file_location("audit", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GOOD = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "c", "skip_reason": "Dependency not found"}


def test_a_vulnerability_fails_and_is_named(audit: Any) -> None:
    code, lines = audit.judge([GOOD, BAD], "")
    assert code == 1
    assert lines == [
        "b 2: PYSEC-1, fixed in 3",
        "audit: 2 packages asked about, 1 known vulnerabilities",
    ]
    assert audit.judge([GOOD], "")[0] == 0


def test_what_was_not_asked_is_counted(audit: Any) -> None:
    code, lines = audit.judge([SKIPPED, SKIPPED], "")
    assert code == 0
    assert lines == [
        "audit: not asked about 2: c, c",
        "audit: 0 packages asked about, 0 known vulnerabilities",
    ]


def test_without_network_it_says_so_and_does_not_fail(audit: Any) -> None:
    stderr = "Traceback …\nrequests.exceptions.ConnectionError: Failed to resolve 'api.osv.dev'\n"
    code, lines = audit.judge(None, stderr)
    assert code == 0
    assert lines[0].startswith("audit: not run: no network (requests.exceptions.ConnectionError")


def test_a_failure_of_another_kind_fails(audit: Any) -> None:
    assert audit.judge(None, "No module named pip_audit\n") == (
        1,
        ["audit: pip-audit failed: No module named pip_audit"],
    )
    assert audit.judge(None, "")[0] == 1
