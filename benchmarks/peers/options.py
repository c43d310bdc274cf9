"""The command line that all peers have."""

import argparse


def options(doc: str | None) -> argparse.Namespace:
    """`--port` and `--workers`, one worker for each of two cores unless told otherwise."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()
