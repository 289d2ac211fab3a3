"""`python -m fastrank`: the command line."""

from __future__ import annotations

from fastrank.cli import main

if __name__ == "__main__":
    main(prog_name="python -m fastrank")
