"""A command whose options are a class of declared options: `--help`, types and names follow from it."""

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Annotated, Any, TypeVar

import typer

from mlpnas.kinds import FLAG, Number
from mlpnas.options import Option, options_of

Options = TypeVar("Options")


def from_options(kind: type[Options], json_help: str) -> Callable[[Callable[[Options, bool], None]], Any]:
    """Turn a function of options into a command; its second argument is whether JSON is wanted.

    Args:
        json_help: of the option --json.
    """

    def decorate(function: Callable[[Options, bool], None]) -> Any:
        def command(**values: Any) -> None:
            as_json = values.pop("as_json")
            function(kind(**values), as_json)

        parameters = [_parameter(option) for option in options_of(kind).values() if option.is_typed]
        as_json = Annotated[bool, typer.Option("--json", help=json_help)]
        parameters.append(Parameter("as_json", Parameter.KEYWORD_ONLY, default=False, annotation=as_json))
        command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        return command

    return decorate


def _parameter(option: Option[Any, Any]) -> Parameter:
    """Return the option as typer reads it; what is not given is None."""
    if option.is_argument:
        argument = typer.Argument(help=option.help, metavar=option.metavar)
        return Parameter(option.name, Parameter.KEYWORD_ONLY, annotation=Annotated[str, argument])
    shown = "" if option.is_required else option.show_default()
    typed = typer.Option(option.flag, help=f"{option.help}{shown and f'  [default: {shown}]'}", metavar=option.metavar)
    default = Parameter.empty if option.is_required else None
    return Parameter(option.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[_type(option), typed])


def _type(option: Option[Any, Any]) -> Any:
    if option.is_repeatable:
        return list[str] | None
    if option.kind is FLAG:
        return bool | None
    if isinstance(option.kind, Number):
        return int | None if option.kind.whole else float | None
    return str if option.is_required else str | None
