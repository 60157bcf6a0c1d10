"""mlpnas: architecture search over the vision-MLP design space. Names load when used; importing loads no torch."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "ArchSpec": "mlpnas.spec",
    "SearchSpace": "mlpnas.space",
    "build": "mlpnas.nets.network",
    "create": "mlpnas.checkpoints",
    "load_checkpoint": "mlpnas.checkpoints",
    "cost": "mlpnas.costs",
    "deploy": "mlpnas.nets.deploy",
    "search": "mlpnas.engine.search",
    "KnownCost": "mlpnas.samplers._in_optuna",
    "Run": "mlpnas.run",
    "study": "mlpnas.samplers",
    "Recipe": "mlpnas.training.recipe",
    "export": "mlpnas.exporters",
    "load": "mlpnas.exporters",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mlpnas' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
