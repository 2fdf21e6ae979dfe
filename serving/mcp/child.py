"""One answer in a process of its own: whatever a query does ends with it, and each answer is of one release.

The process has no environment of the user's, may use so much memory and time, and ends itself by an alarm that also
stops code that heeds no interrupt. A request comes on standard input, the answer goes to standard output, as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any, Final

from ingest.errors import QueryRefused, TidegaugeError
from ingest.home import Home
from serving.mcp import limits

_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TZDIR", "SYSTEMROOT")
REFUSED: Final = 2


def ask(home: Home, tool: str, arguments: Mapping[str, Any], seconds: float = limits.SECONDS) -> str:
    """Return the answer of a tool as JSON. QueryRefused and other TidegaugeErrors say why there is none."""
    from ingest.settings import PROJECT_ROOT

    request = json.dumps({"home": str(home.root), "tool": tool, "arguments": arguments, "seconds": seconds})
    with tempfile.TemporaryDirectory(prefix="tidegauge-mcp-") as folder:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        ran = subprocess.run(
            [sys.executable, "-P", "-m", "serving.mcp.child"],
            input=request.encode(),
            capture_output=True,
            cwd=folder,
            env=kept | {"TMPDIR": folder, "HOME": folder, "PYTHONPATH": str(PROJECT_ROOT), "PYTHONUTF8": "1"},
            check=False,
        )
    if ran.returncode == 0:
        return ran.stdout.decode()
    if ran.returncode == REFUSED:
        raise QueryRefused(ran.stdout.decode().strip())
    if ran.returncode == -signal.SIGALRM:
        raise QueryRefused(f"no answer within {seconds:g} s: filter by date, ask for fewer columns, or sum up")
    if ran.returncode > 0:
        sys.stderr.write(ran.stderr.decode(errors="replace"))  # a bug of ours: the traceback is for the server's log
        raise QueryRefused("this answer failed by a bug; the server's log has the details")
    raise QueryRefused(f"the query was too much for the process that answers (signal {-ran.returncode}): ask for less")


def main() -> int:
    """Answer the request on standard input."""
    request = json.load(sys.stdin)
    _limit(float(request["seconds"]))
    from pathlib import Path

    from serving.mcp.answers import ANSWERS
    from serving.query.exports import json_text

    try:
        found = ANSWERS[request["tool"]](Home(Path(request["home"])), **request["arguments"])
        told, code = json_text(found), 0
    except TidegaugeError as error:
        told, code = str(error), REFUSED
    except MemoryError:
        told, code = "the query needs more memory than an answer may take: ask for fewer rows, or sum up", REFUSED
    sys.stdout.write(told)
    sys.stdout.flush()
    return code


def _limit(seconds: float) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (limits.ADDRESS_SPACE, limits.ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
