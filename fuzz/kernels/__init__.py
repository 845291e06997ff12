"""Fuzzing of the compiled kernels with libFuzzer: see README.md."""

import sys
from pathlib import Path

# The referees of the tests.
sys.path.append(str(Path(__file__).parents[2] / "tests" / "_support"))
