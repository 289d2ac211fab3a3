"""`python -m fastrank`: the command line."""

from fastrank.cli import main

main(prog_name="python -m fastrank")
