"""python -m rstdp train | evaluate | classify: see `show.commands`. Experiments: python -m report."""

import sys

from .show.commands import main

if __name__ == "__main__":
    sys.exit(main())
