"""The documents say what there is, and their examples run."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import typer.main

import mlpnas
from mlpnas.cli import application
from mlpnas.plugins import names, shipped
from mlpnas.space import SearchSpace
from mlpnas.space.grammar import MEANING

ROOT = Path(__file__).parents[2]
DOCS = {path.name: path.read_text(encoding="utf-8") for path in [*ROOT.glob("docs/*.md"), ROOT / "README.md"]}


def _options() -> list[tuple[str, str]]:
    """(command, option) of the whole command line; of a group's commands, too."""
    root = typer.main.get_command(application())
    found = []
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        for inner in getattr(command, "commands", {"": command}).values():
            found += [
                (name, option) for parameter in inner.params for option in parameter.opts if option.startswith("--")
            ]
    return found


@pytest.mark.parametrize(("command", "option"), _options())
def test_options_are_documented(command: str, option: str) -> None:
    section = DOCS["commands.md"].split(f"## mlpnas {command}\n")[1].split("\n## ")[0]
    assert option in section


@pytest.mark.parametrize("word", MEANING)
def test_words_of_the_grammar_are_documented(word: str) -> None:
    assert f"`{word}`" in DOCS["spaces.md"]


def test_mixers_of_the_documents_exist() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", DOCS["spaces.md"].split("## Mixers\n")[1].split("\n## ")[0], re.MULTILINE)
    assert set(listed) <= set(names("mixers"))
    assert len(listed) > 5


def test_the_guide_to_a_mixer_shows_the_file_that_is_there() -> None:
    shown = re.findall(r"```python\n(.*?)```", DOCS["add-a-mixer.md"], re.DOTALL)[0]
    file = (ROOT / "mlpnas/mixers/diagonal_shift.py").read_text(encoding="utf-8")
    assert shown == file
    assert f"1 file, {len(file.splitlines())} lines" in DOCS["add-a-mixer.md"]


def test_sources_of_data_are_documented() -> None:
    assert all(f"`{name}" in DOCS["data.md"] for name in names("datasets"))


@pytest.mark.parametrize("kind", ["samplers", "objectives"])
def test_names_are_documented(kind: str) -> None:
    assert all(f"`{name}`" in DOCS["commands.md"] or name in DOCS["commands.md"] for name in names(kind))


@pytest.mark.parametrize("name", mlpnas.__all__)
def test_public_names_are_documented_and_say_what_they_are(name: str) -> None:
    assert f"mlpnas.{name}" in DOCS["api.md"]
    assert getattr(mlpnas, name).__doc__


@pytest.mark.parametrize("name", shipped())
def test_shipped_spaces_name_themselves_and_their_command(name: str) -> None:
    space = SearchSpace.load(name)
    assert space.name == name
    assert space.text.startswith(f"# mlpnas search --space {name}.yaml --budget ")


def test_the_example_space_is_one() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", DOCS["spaces.md"], re.DOTALL)
    assert SearchSpace(text).tables.count() > 100


@pytest.mark.parametrize("document", ["README.md", "api.md"])
def test_examples_run(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", DOCS[document], re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, document, "exec"), {})


@pytest.mark.parametrize("link", sorted({(d, x) for d, t in DOCS.items() for x in re.findall(r"\]\(([^)#:]+)\)", t)}))
def test_links_lead_somewhere(link: tuple[str, str]) -> None:
    document, target = link
    folder = ROOT if document == "README.md" else ROOT / "docs"
    assert (folder / target).exists()


def test_the_package_says_what_each_module_is_about() -> None:
    for name in ("space", "nets", "mixers", "samplers", "engine", "objectives", "datasets", "exporters", "report"):
        assert import_module(f"mlpnas.{name}").__doc__, name
