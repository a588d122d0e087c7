"""The `atelier` command."""

import sys

import typer
from rich.console import Console

from cli.backfill import backfill
from cli.demo import demo
from cli.doctor import doctor
from cli.jobs import approve, cancel, list_jobs, retry
from cli.run import run_app
from cli.up import api, prefect, up, worker
from cli.users import add_user
from cli.watch import watch
from models.errors import AtelierError, InvalidInput, NotConfigured, NotFound

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(run_app, name="run")
app.command("jobs")(list_jobs)
app.command("create-user")(add_user)
app.command("backfill-assets")(backfill)
for _command in (watch, approve, cancel, retry, up, api, worker, prefect, demo, doctor):
    app.command()(_command)

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130


def main() -> None:
    """Run the command. Exit status: 0 done, 1 the work failed, 2 bad input or set-up, 130 interrupted."""
    try:
        app(standalone_mode=True)
    except AtelierError as error:
        Console(stderr=True, highlight=False).print(f"[red]error:[/red] {error}", soft_wrap=True)
        bad_input = isinstance(error, InvalidInput | NotConfigured | NotFound)
        sys.exit(EXIT_BAD_INPUT if bad_input else EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
