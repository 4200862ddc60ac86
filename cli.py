"""`python cli.py ...` in a checkout is `asr ...`; this file is never installed."""

import sys

from asr.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
