"""The group of all verbs: runs the command line, and turns every exception into a message and an exit code.

Exit codes: 0 clean, 1 findings, 2 could not run, 130 interrupted. Restarts Python in UTF-8 mode if the locale has
another encoding.
Not here: when a run of checks has findings (``run.py``, ``outcome.py``).
"""

from __future__ import annotations

import errno
import gc
import io
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from harness.cli import dbt, interrupts, streams
from harness.cli.adopting import adopt, declare
from harness.cli.common import COULD_NOT_RUN, INTERRUPTED, withheld
from harness.cli.covering import coverage
from harness.cli.database import apply, reset, rollback, status
from harness.cli.linting import lint
from harness.cli.opening import psql, replay
from harness.cli.proving import test
from harness.cli.seeding import seed
from harness.cli.server import server
from harness.cli.service import clean, doctor, explain, init, new, schema
from harness.cli.types import types
from harness.errors import LONGEST, HarnessError, shortened
from harness.reports.words import visible


class _Verbs(click.Group):
    """Lists the verbs in the order of their use, and says of dbt's what stands for them here."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if arguments[0] not in self.commands and (answer := dbt.answer(arguments[0])):
            raise click.UsageError(answer, context)
        return super().resolve_command(context, arguments)


_VERBS: list[click.Command] = [
    init,
    adopt,
    new,
    doctor,
    apply,
    rollback,
    status,
    seed,
    reset,
    server,
    psql,
    test,
    replay,
    declare,
    coverage,
    types,
    explain,
    lint,
    clean,
    schema,
]


@click.group(cls=_Verbs, commands=_VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--project", metavar="DIR", help="The directory of project.yml; by default the nearest, here or above.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="constraint-harness", prog_name="harness", message="%(prog)s %(version)s")
def harness(*, project: str | None, debug: bool) -> None:
    """Prove the integrity rules of a PostgreSQL schema with generated data.

    Exit codes: 0 clean, 1 findings, 2 could not run.
    """


_USAGE = 300
"""Characters of click's usage line, which comes before the error."""
_COLLECTED = 20_000
"""New objects before Python collects garbage, of which there is hardly any: 700 took a tenth of a run's time."""
_DISK_FULL = "53100"
_SERVER_GONE = ("08", "57P01", "57P02", "57P03")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits."""
    if arguments is None:
        _restart_in_utf8()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is no UTF-8 must not stop a run
    # Warnings of psycopg on closing connections after an error: the error itself is reported here.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    interrupts.install()
    gc.set_threshold(_COLLECTED)
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def _restart_in_utf8() -> None:
    """Restarts Python in UTF-8 mode if the locale has another encoding, as ``LC_ALL=C`` may.

    Paths are written into settings, connection strings and SQL, which are UTF-8; in another encoding an umlaut in a
    path becomes a surrogate, or two letters.
    """
    if sys.getfilesystemencoding() == "utf-8" or os.environ.get("PYTHONUTF8") == "1":
        return
    os.environ["PYTHONUTF8"] = "1"
    with suppress(OSError):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def run(arguments: list[str]) -> int:
    """Runs one call of the command line and returns its exit code."""
    with streams.escaped():
        return _run(arguments)


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments or bool(os.environ.get("HARNESS_DEBUG"))  # click takes arguments out of the list
    try:
        code = _invoke(arguments)
        sys.stdout.flush()
        return code
    except click.exceptions.Exit as exit:
        return exit.exit_code
    except click.ClickException as error:
        error.message = shortened(visible(error.message), LONGEST - _USAGE)  # type: ignore[misc]  # final to mypy
        error.show()
        return COULD_NOT_RUN
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        if interrupts.seen():  # the pipe may be one to a worker that has ended
            return _say("interrupted", INTERRUPTED)
        # The reader has seen enough. The rest of the buffer is dropped without a message.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT_RUN
    except Exception as error:
        if debug:
            traceback.print_exc()
        if interrupts.seen():
            return _say("interrupted", INTERRUPTED)
        return _say(shortened(visible(_message(error)), LONGEST), COULD_NOT_RUN)


def _invoke(arguments: list[str]) -> int:
    # Not harness.main(): that has exit codes of its own.
    with harness.make_context("harness", arguments) as context:
        try:
            return int(harness.invoke(context) or 0)
        except HarnessError as error:
            raise withheld(error) from error


def _message(error: Exception) -> str:
    if isinstance(error, HarnessError):
        return str(error)
    sqlstate = str(getattr(error, "sqlstate", None) or "")
    if sqlstate == _DISK_FULL:
        return "the disk of the server is full\nhint: free some space on it and run again"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f": {error.filename}" if error.filename else ""
        return f"the disk is full{where}\nhint: free some space and run again"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if sqlstate.startswith(_SERVER_GONE) or type(error).__name__ == "OperationalError":
        return f"the server went away: {str(error).strip().splitlines()[0]}\nhint: harness doctor says what is there"
    # Only the first line: the others are notes that were added to the exception.
    described = traceback.format_exception_only(error)[0].strip().splitlines()[0]
    return f"this is a bug in harness: {described}\nhint: harness --debug … shows where; please report it"


def _say(message: str, code: int) -> int:
    with suppress(OSError):
        click.echo(f"harness: {message}" if code == INTERRUPTED else message, err=True)
    return code
