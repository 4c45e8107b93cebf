"""python -m rstdp train | evaluate | classify: see `show.commands`. Experiments: python -m report."""

from .show.commands import main

if __name__ == "__main__":
    raise SystemExit(main())
