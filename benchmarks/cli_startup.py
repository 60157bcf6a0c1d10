"""Measure the CPU seconds of the command line's start: python benchmarks/cli_startup.py [RUNS]

Target: `mlpnas --help` under 0.3 s. It is CPU time, so that a busy machine changes little; the first rows show
the share of Python itself.
"""

import subprocess
import sys
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

CASES = {
    "python -c pass": ["-c", "pass"],
    "import mlpnas": ["-c", "import mlpnas"],
    "import typer": ["-c", "import typer"],
    "mlpnas --help": ["-m", "mlpnas", "--help"],
    "mlpnas search --help": ["-m", "mlpnas", "search", "--help"],
}


def cpu_seconds(arguments: list[str]) -> float:
    """Return the user and system time of one fresh Python process."""
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    for name, arguments in CASES.items():
        times = [cpu_seconds(arguments) for _ in range(runs)]
        print(f"{name:22} median {median(times):.3f} s   min {min(times):.3f} s")
