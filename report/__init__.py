"""The replication: what was run, what came out, and the report that says so.

    python -m report list           what can be run
    python -m report run NAME       an experiment of report/experiments, or a study of report/studies
    python -m report build          the report itself

`lab` holds what every study needs, `studies` what makes results, `claims` what the report says about them. This package
imports `rstdp` and is never imported by it.
"""

from pathlib import Path

REPORT = Path(__file__).resolve().parent
ROOT = REPORT.parent  #: of the repository
RESULTS = REPORT / "results"  #: as recorded
