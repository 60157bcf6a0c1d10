"""A complete table of architectures, as benchmarks/samplers.py replays them."""

import numpy as np

QUESTIONS = ["depth", "mixer", "shift", "heads", "ratio", "wide"]


def rows() -> list[dict[str, object]]:
    """1,500 architectures; the best mixer is the dear one, but only with its right option."""
    rows = []
    for depth in range(1, 6):
        for ratio in range(1, 11):
            for wide in range(5):
                branches = [("shift", {"shift": s}) for s in (1, 3, 5)] + [("heads", {"heads": h}) for h in (1, 2, 4)]
                for mixer, own in branches:
                    good = {1: 0.0, 3: 0.1, 5: 0.02, 2: 0.3, 4: 0.05}[next(iter(own.values()))]
                    value = 0.3 + good + 0.05 * depth + 0.1 * np.sin(ratio) + 0.01 * wide
                    macs = 1e6 * depth * (2.0 if mixer == "heads" else 1.0) * (1 + 0.1 * ratio + 0.05 * wide)
                    row = {"depth": depth, "mixer": mixer, "shift": None, "heads": None, "ratio": ratio, "wide": wide}
                    rows.append({**row, **own, "top1": value, "top1_short": value - 0.2, "macs": macs})
    return rows
