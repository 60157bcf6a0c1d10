"""Plug-ins that only tests have, found by name as those of another package."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from mlpnas import plugins


class _Point:
    def __init__(self, plugin: Any) -> None:
        self.plugin = plugin

    def load(self) -> Any:
        return self.plugin


@contextmanager
def plugged_in(kind: str, found: Mapping[str, Any]) -> Iterator[None]:
    """Inside, one catalogue has these plug-ins too."""
    before = plugins._outside

    def outside(asked: str) -> Mapping[str, Any]:
        return {name: _Point(plugin) for name, plugin in found.items()} if asked == kind else before(asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "_outside", outside)
        for cached in (plugins.find, plugins.names):
            cached.cache_clear()
        yield
    for cached in (plugins.find, plugins.names):
        cached.cache_clear()
