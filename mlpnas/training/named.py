"""The fields of the recipes with a name, see recipe.py; light to import, because --help lists the names."""

from collections.abc import Mapping
from typing import Any

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "smoke": {"epochs": 1, "warmup_epochs": 0, "samples": 512, "learning_rate": 5e-3},
    "quick": {"epochs": 8, "batch_size": 64, "learning_rate": 7e-3},
    "standard": {
        "epochs": 60,
        "learning_rate": 2e-3,
        "drop_path": 0.1,
        "crop_padding": 0.125,
        "ema_decay": 0.999,
    },
    "full": {  # DeiT's (arXiv:2012.12877, table 9) without its mixing and erasing of images
        "epochs": 300,
        "batch_size": 1024,
        "learning_rate": 1e-3,
        "warmup_epochs": 5,
        "precision": "bf16",
        "drop_path": 0.1,
        "crop_padding": 0.125,
        "ema_decay": 0.9999,
    },
}
