"""`python -m relubench`."""

import sys

from relubench.cli import main

if __name__ == "__main__":
    sys.exit(main())
