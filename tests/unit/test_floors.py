"""The code's floors beyond what the import linter checks."""

from graphlib import TopologicalSorter

import pytest


def test_no_modules_import_each_other() -> None:
    """Imports inside functions and for type checkers count too."""
    graph = pytest.importorskip("grimp").build_graph("mlpnas", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle
