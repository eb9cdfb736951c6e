"""`python -m relubench`."""

from relubench.cli import process

if __name__ == "__main__":
    process()
