"""The command line: one file of `commands/` is one command. An MlpnasError has no traceback and exits with 2."""

import errno
import os
import sys
from importlib import import_module
from typing import Annotated, Any

from mlpnas import __version__
from mlpnas.engine.interrupt import EXIT_CODE, interruptible

# errors about a place on this machine, not about a mistake in the program
_PLACE_ERRORS = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE),
    *(errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EMFILE, errno.ENFILE),
}


def application() -> Any:
    """Return the application with all commands; each loads its libraries only when it runs."""
    import typer

    from mlpnas.plugins import names

    app = typer.Typer(
        name="mlpnas",
        help="Find the best vision-MLP backbone for your budget.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # rich help costs 0.15 s of CPU at every call
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def options(
        version: Annotated[
            bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
        ] = False,
    ) -> None:
        pass

    for name in names("commands"):
        module = import_module(f"mlpnas.commands.{name}")
        if group := getattr(module, "app", None):
            app.add_typer(group, name=name)
        else:
            app.command(name=name)(getattr(module, name))
    return app


def _version(is_asked: bool) -> None:
    import typer

    if is_asked:
        print(f"mlpnas {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the console script `mlpnas`."""
    try:
        with interruptible(last=True) as interrupt:
            _run()
    except KeyboardInterrupt:
        sys.exit(EXIT_CODE)
    except ImportError:  # a package that swallows an interrupt of its import cannot be imported again
        if not interrupt.is_requested:
            raise
        sys.exit(EXIT_CODE)


def _run() -> None:
    """Run the command of the arguments and exit with its code."""
    from mlpnas.commands._terminal import complain, fit_streams
    from mlpnas.errors import MlpnasError
    from mlpnas.plain_text import shortened

    fit_streams()
    try:
        application()()
    except MlpnasError as error:
        complain(f"error: {error}")
        sys.exit(2)
    except BrokenPipeError:  # `mlpnas front RUN | head` is no failure
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno not in _PLACE_ERRORS or not error.filename:
            raise
        complain(f"error: {shortened(os.fsdecode(error.filename))}: cannot be used ({os.strerror(error.errno)})")
        sys.exit(2)
