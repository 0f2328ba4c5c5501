"""Ask OSV whether a pinned requirement has a known vulnerability, and say plainly where it cannot.

pip-audit itself ends well when it could ask nobody about a package; here that is counted.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REQUIREMENTS = Path("requirements.txt")
UNREACHABLE = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "SSLError")


def ask(folder: Path) -> tuple[list[dict[str, Any]] | None, str]:
    """Return what pip-audit says of each package, or None and why it said nothing."""
    answer = folder / "audit.json"
    options = ["--vulnerability-service", "osv", "--disable-pip", "--require-hashes"]
    options += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", *options, "-r", str(REQUIREMENTS), "-o", str(answer)],
        capture_output=True,
        text=True,
        check=False,
    )
    if not answer.exists():
        return None, done.stderr
    return json.loads(answer.read_text(encoding="utf-8"))["dependencies"], ""


def judge(packages: list[dict[str, Any]] | None, stderr: str) -> tuple[int, list[str]]:
    """Return an exit code and lines: 1 for vulnerabilities, and for a failure of pip-audit."""
    if packages is None:
        reason = (stderr.strip().splitlines() or ["no output"])[-1][:200]
        if any(word in stderr for word in UNREACHABLE):
            return 0, [f"audit: not run: no network ({reason})"]
        return 1, [f"audit: pip-audit failed: {reason}"]
    found = [(p, vulnerability) for p in packages for vulnerability in p.get("vulns", [])]
    lines = [
        f"{p['name']} {p['version']}: {v['id']}, fixed in {', '.join(v['fix_versions']) or 'none'}"
        for p, v in found
    ]
    skipped = [p["name"] for p in packages if "skip_reason" in p]
    if skipped:
        lines.append(f"audit: not asked about {len(skipped)}: {', '.join(skipped[:5])}")
    asked = len(packages) - len(skipped)
    lines.append(f"audit: {asked} packages asked about, {len(found)} known vulnerabilities")
    return (1 if found else 0), lines


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        code, lines = judge(*ask(Path(folder)))
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
