"""Catalogues of plug-ins: a folder of the package is one, and adding a variant is adding one file.

`find("mixers", "axial_shift")` imports `mlpnas/mixers/axial_shift.py` alone and returns its class `AxialShift`.
Other packages add theirs by an entry point in the group `mlpnas.mixers` (name = object).
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from mlpnas.errors import OptionError, UnknownName, did_you_mean
from mlpnas.kinds import of_option, refusal
from mlpnas.named import Named

_FOLDERS = {"backends": "engine/backends"}  # of the catalogues that are no folders of the package itself


@cache
def _outside(kind: str) -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"mlpnas.{kind}")}


@cache
def names(kind: str) -> tuple[str, ...]:
    """Return the names in one catalogue ("mixers", "samplers", ...), sorted; imports none of them."""
    folder = Path(__file__).parent / _folder(kind)
    files = [*folder.glob("[!_]*.py"), *(package.parent for package in folder.glob("[!_]*/__init__.py"))]
    return tuple(sorted({file.stem for file in files} | set(_outside(kind))))


def _folder(kind: str) -> str:
    return _FOLDERS.get(kind, kind)


def class_name(name: str) -> str:
    """Return the name of the class in a plug-in's file: axial_shift -> AxialShift."""
    return "".join(word.capitalize() for word in name.split("_"))


@cache
def find(kind: str, name: str) -> Any:
    """Return the class called `name` in one catalogue.

    Raises:
        UnknownName: no file and no entry point has this name.
    """
    if name not in names(kind):
        raise UnknownName(kind.removesuffix("s"), name, names(kind))
    if name in _outside(kind):
        return _outside(kind)[name].load()
    return getattr(import_module(f"mlpnas.{_folder(kind).replace('/', '.')}.{name}"), class_name(name))


def shipped_folder() -> Path:
    """Return the folder of the shipped space files: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "search_spaces"
    return inside if inside.is_dir() else package.parent / "search_spaces"


def shipped() -> tuple[str, ...]:
    """Return the names of the shipped spaces, sorted."""
    return tuple(sorted(file.stem for file in shipped_folder().glob("*.yaml")))


def options(plugin: Any, skip: int) -> Mapping[str, Parameter]:
    """Return the options of a plug-in: its constructor's parameters after the first `skip` ones."""
    return dict(list(signature(plugin).parameters.items())[skip:])


def choose(kind: str, asked: Named, skip: int = 0) -> tuple[Any, dict[str, Any]]:
    """Return the plug-in that a name with options asks for, and the options, checked, for its constructor.

    Args:
        skip: of the constructor's parameters, that are no options.

    Raises:
        UnknownName: no plug-in is called so. OptionError: an option that it does not have, or a wrong value.
    """
    plugin, given = find(kind, asked.name), dict(asked.options)
    known = options(plugin, skip)
    named = {name: parameter for name, parameter in known.items() if parameter.kind is not Parameter.VAR_KEYWORD}
    if "" in given and named:
        given = {next(iter(named)): given.pop(""), **given}
    for name, value in given.items():
        if name in named:
            if not (allowed := of_option(named[name])).fits(value):
                raise OptionError(f"{asked.name}:{name}={value}: {refusal(allowed, value)}")
        elif len(named) == len(known):
            hint = did_you_mean(name, tuple(named)) or f"; it has {', '.join(named) or 'none'}"
            raise OptionError(f"{asked.name} has no option {name or next(iter(given.values()))!r}{hint}")
    return plugin, given
