"""The language of the code: names of tests are short sentences."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 60  # characters of a test's name


def definitions(folder: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield every module, class and function below a folder, with its file and line."""
    for file in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", node


def test_names_of_tests_are_short() -> None:
    names = [(place, getattr(node, "name", "")) for place, node in definitions("tests")]
    assert [f"{place} {name}" for place, name in names if name.startswith("test_") and len(name) > LONGEST] == []
