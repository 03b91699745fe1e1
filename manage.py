#!/usr/bin/env python3
"""Camp's commands. On a bare machine this makes .venv first: see camp/operations/bootstrap.py."""

import sys

if sys.version_info < (3,):  # noqa: UP036
    sys.exit("Camp needs Python 3.11 or newer: run it with python3 instead of python.")

if __name__ == "__main__":
    from camp.operations import bootstrap

    sys.exit(bootstrap.main(sys.argv))
