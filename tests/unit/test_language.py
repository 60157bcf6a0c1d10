"""The language of the code: docstrings are whole sentences, names of tests are short ones."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 60  # characters of a test's name
FRAGMENT = re.compile(r"(Of|As|What|Whether|By|How|Where|Who)\b")

Definition = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def definitions(folder: str) -> Iterator[tuple[str, Definition]]:
    """Yield every module, class and function below a folder, with its file and name."""
    for file in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, Definition):
                yield f"{file.relative_to(ROOT)} {getattr(node, 'name', '')}", node


def test_docstrings_start_with_a_verb_or_a_noun_phrase() -> None:
    found = [place for place, node in definitions("mlpnas") if FRAGMENT.match(ast.get_docstring(node) or "")]
    assert found == []


def test_names_of_tests_are_short() -> None:
    names = [(place, getattr(node, "name", "")) for place, node in definitions("tests")]
    assert [place for place, name in names if name.startswith("test_") and len(name) > LONGEST] == []
