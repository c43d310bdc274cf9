"""The benchmarks are scripts in one folder and no package: their modules are found by that folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
