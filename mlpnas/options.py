"""Options are fields of a frozen dataclass, each declared once; command line, Python and a run's manifest follow.

@dataclass(frozen=True)
class SearchOptions:
    fill: Option[float, float] = Option(0.5, "Share of the budget that every proposal uses.", SHARE)

SearchOptions(fill=0.3)        reads and checks what is given; what is None, or left out, has its default
@takes(SearchOptions)          gives a function the options as its arguments, typed
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import wraps
from inspect import getattr_static, signature
from typing import Any, Generic, ParamSpec, TypeVar, overload

from mlpnas.errors import RunError
from mlpnas.kinds import Kind, refusal
from mlpnas.plain_text import quoted, shortened

FIXED, CHANGEABLE = "fixed", "changeable"

Given = TypeVar("Given")
Value = TypeVar("Value")
Options = TypeVar("Options")
Result = TypeVar("Result")
P = ParamSpec("P")


class Option(Generic[Given, Value]):
    """One option: what may be given for it, what it is read as, and all that others need to know of it.

    Args:
        default: the value where nothing is given.
        help: one sentence for people.
        kind: what values are allowed; also decides how the command line reads the option (None: a text).
        read: turns what is given into the value, and takes values that were read before too; raises ValueError, or
            an MlpnasError that names the option.
        on_resume: of a search: FIXED, it decides what the results mean, and may be given again only as it was;
            CHANGEABLE, it decides how long and where the search goes on; "": it is of one call, and not recorded.
        is_same: of a fixed option: takes the given value, the one before, and what the run decided.
        show: the value in a message that names another one too, which it also takes.
        remedy: takes the value before; what to do on a resume instead of giving another one.
        flag: as typed, like --format; by default the field's name.
        metavar: what --help shows for the value.
        is_repeatable: the command line takes it several times.
        is_argument: the command line takes it by its place. is_required: it needs it.
        is_typed: the command line has it. is_recorded: the manifest keeps it (by default, what has an `on_resume`).
    """

    def __init__(
        self,
        default: Value,
        help: str,
        kind: Kind | None = None,
        *,
        read: Callable[[Any], Value] | None = None,
        on_resume: str = "",
        is_same: Callable[[Any, Any, Any], bool] | None = None,
        show: Callable[[Any, Any], str] = lambda value, other: str(value),
        remedy: Callable[[Any], str] = lambda before: "leave it out",
        flag: str = "",
        metavar: str | None = None,
        is_repeatable: bool = False,
        is_argument: bool = False,
        is_required: bool = False,
        is_typed: bool = True,
        is_recorded: bool = True,
    ) -> None:
        self.default, self.help, self.kind, self.read = default, help, kind, read
        self.on_resume, self.show, self.remedy, self.flag, self.metavar = on_resume, show, remedy, flag, metavar
        self.is_same = is_same or (lambda given, before, decided: bool(plain(given) == plain(before)))
        self.is_repeatable, self.is_argument = is_repeatable, is_argument
        self.is_required, self.is_typed = is_required, is_typed
        self.is_recorded = is_recorded and bool(on_resume)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.flag = self.flag or f"--{name.replace('_', '-')}"

    @overload
    def __get__(self, instance: None, owner: type) -> Given | None: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...

    def __get__(self, instance: object | None, owner: type) -> Any:
        return None if instance is None else vars(instance).get(self.name, self.default)

    def __set__(self, instance: object, value: Given | None) -> None:
        """Keep what is given; raises MlpnasError for what cannot be read, naming the option."""
        if value is not None:
            vars(instance)[self.name] = self._read(value)

    def show_default(self) -> str:
        """Return the default as a person types it; "" if there is none to speak of."""
        if self.default in (None, "", (), False):
            return ""
        return ",".join(map(str, self.default)) if isinstance(self.default, tuple) else str(self.default)

    def _read(self, value: Any) -> Any:
        if self.kind is not None and not self.kind.fits(value):
            raise RunError(f"{self.flag}: {refusal(self.kind, value)}")
        try:
            return self.read(value) if self.read else value
        except ValueError as error:
            raise RunError(f"{self.flag}: {error}") from None


def options_of(options: Any) -> Mapping[str, Option[Any, Any]]:
    """Return every option of a class of options, or of an instance, by name."""
    cls = options if isinstance(options, type) else type(options)
    return {field.name: getattr_static(cls, field.name) for field in fields(cls)}


def given_values(options: Any) -> Mapping[str, Any]:
    """Return the options that were given, each as it was read."""
    return dict(vars(options))


def merge(before: Options, after: Options) -> Options:
    """Return options with all that was given in either; `after` goes first."""
    return type(before)(**{**given_values(before), **given_values(after)})


def options_to_json(options: Any) -> dict[str, Any]:
    """Return what a manifest keeps: the options that were given, as JSON, by name."""
    known = options_of(options)
    return {name: plain(value) for name, value in given_values(options).items() if known[name].is_recorded}


def plain(value: Any) -> Any:
    """Return a value of an option as JSON."""
    if hasattr(value, "to_json"):
        return value.to_json()
    return list(value) if isinstance(value, tuple) else value


def check_fixed(options: Any, before: Any, decided: Any) -> None:
    """Compare what is given to a resume with what the run was searched with.

    Raises:
        RunError: fixed options differ; a line for each.
    """
    wrong = []
    for name, value in given_values(options).items():
        option, earlier = options_of(options)[name], getattr(before, name)
        if option.on_resume == FIXED and not option.is_same(value, earlier, decided):
            wrong.append(
                f"{_show_given(option, value, earlier)}: this run was searched {_show_before(option, value, earlier)}; "
                f"{option.remedy(earlier)}, or start another --run"
            )
    if wrong:
        raise RunError("\n".join(wrong))


def _show_given(option: Option[Any, Any], value: Any, before: Any) -> str:
    return option.flag if value is True else f"{option.flag} {shortened(option.show(value, before))}".strip()


def _show_before(option: Option[Any, Any], value: Any, before: Any) -> str:
    shown = "" if before is False else "it" if before is True else shortened(option.show(before, value))
    return f"with {shown}" if shown else "without it"


def takes(options: Callable[P, Options]) -> Callable[[Callable[[Options], Result]], Callable[P, Result]]:
    """Give a function of options, or of a class of them, these options as its own arguments.

    Its docstring lists them where it says `{options}`.
    """

    def decorate(function: Callable[[Options], Result]) -> Callable[P, Result]:
        @wraps(function)
        def call(*args: P.args, **named: P.kwargs) -> Result:
            return function(options(*args, **named))

        call.__signature__ = signature(options).replace(return_annotation=signature(function).return_annotation)  # type: ignore[attr-defined]
        call.__doc__ = (function.__doc__ or "").replace("{options}", _list_options(options))
        return call

    return decorate


def _list_options(options: Any) -> str:
    lines = (
        f"{name}: {_first_lower(option.help)}{_add_default(option)}" for name, option in options_of(options).items()
    )
    return "\n        ".join(lines)


def _first_lower(text: str) -> str:
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _add_default(option: Option[Any, Any]) -> str:
    shown = option.show_default()
    return f" Default: {shown}." if shown else ""


def texts(value: str | Sequence[str]) -> tuple[str, ...]:
    """Read "top1,macs" or ["top1", "macs"] as ("top1", "macs"); raises ValueError for anything else."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"expected names, like top1,macs; got {quoted(value)}")
    return tuple(part.strip() for part in parts if value)
