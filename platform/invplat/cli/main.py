"""The program `invplat`: finds commands by name, imports only the one that is asked for, ends every run properly.

Every error becomes an exit code here and nowhere else: 0 done, 2 for what the person can mend, 1 for the machine's
or our own trouble, 130 for Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

import invplat
from invplat.cli.lazy import LazyGroup
from invplat.cli.output import Output, common_to_all
from invplat.core.errors import InvplatError
from invplat.core.settings import hide_secrets

# name: where it is, and its line in `invplat --help`
COMMANDS = {
    "demo": ("invplat.cli.demo:command", "The whole journey on made-up businesses, in a minute."),
    "tenant": ("invplat.cli.tenant:group", "Businesses: add, look at, let programs in, export, remove."),
    "data": ("invplat.cli.data:group", "From a business's files to a clean, versioned dataset."),
    "tune": ("invplat.cli.tune:command", "Search a workload's params: many small trainings, told as a study."),
    "studies": ("invplat.cli.studies:group", "The studies that tune has made, and what came of one."),
    "train": ("invplat.cli.train:command", "Train a workload on a tenant's dataset and keep the model."),
    "compare": ("invplat.cli.compare:command", "Workloads beside reference models, judged on the same windows."),
    "evaluate": ("invplat.cli.evaluate:command", "Judge a kept model on held-out origins, as it is."),
    "finetune": ("invplat.cli.finetune:group", "Give businesses models of their own, adapted from a base in batch."),
    "jobs": ("invplat.cli.jobs:group", "Long work: how far it is, its log, stop it, finish what is left."),
    "models": ("invplat.cli.models:group", "The trained models of a tenant."),
    "report": ("invplat.cli.report:command", "One HTML page about a model: tables, pictures, costs, limits."),
    "explain": ("invplat.cli.explain:command", "Which inputs drive a forecast, an order, or a whole model."),
    "insights": ("invplat.cli.insights:command", "What an owner would want to be told, each with its money."),
    "deploy": ("invplat.cli.deploy:command", "Serve every business's forecasts and orders over HTTP, and a page."),
    "status": ("invplat.cli.status:command", "Show whether the service runs, where, and for whom."),
    "undeploy": ("invplat.cli.undeploy:command", "Stop the service."),
    "query": ("invplat.cli.query:group", "Ask a running service: forecast, orders, kpis, model."),
    "cluster": ("invplat.cli.cluster:group", "A Ray of several nodes on this machine: up, status, down."),
    "monitor": ("invplat.cli.monitor:command", "Hold forecasts against what came; find drift and broken data."),
    "retrain": ("invplat.cli.retrain:command", "Whose model is out of date, and why; adapt those anew, in batch."),
    "config": ("invplat.cli.config:group", "What is set, and where each value comes from."),
}
INTERRUPTED = 130  # what shells expect of a program ended by Ctrl-C


class Program(LazyGroup):
    found = COMMANDS

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        args = sys.argv[1:] if args is None else list(args)
        output = Output()
        output.json = "--json" in args  # known at once, so that a mistake in the other arguments is JSON too
        extra.pop("standalone_mode", None)
        try:
            code = super().main(args, prog_name or "invplat", standalone_mode=False, obj=output, **extra)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains once more at exit
            code = 1
        except BaseException as error:
            code = _explain(error, output)
        sys.exit(code if isinstance(code, int) else 0)


def _explain(error: BaseException, output: Output) -> int:
    """Say on stderr what went wrong, and return the exit code."""
    hint: str | None
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, click.Abort | KeyboardInterrupt):
        message, hint, code = "interrupted", None, INTERRUPTED
    elif isinstance(error, click.ClickException):
        message, hint, code = error.format_message(), None, error.exit_code
        if isinstance(error, click.UsageError) and error.ctx is not None:
            hint = f"see {error.ctx.command_path} --help"
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            message, hint = error.ctx.get_help() if error.ctx else message, None
    elif isinstance(error, InvplatError):
        message, hint, code = error.message, error.hint, error.exit_code
    elif isinstance(error, OSError) and error.filename is not None:
        message, hint, code = f"{error.filename}: {error.strerror}", None, 1
    elif isinstance(error, MemoryError):
        message, hint, code = "out of memory", "smaller batches or fewer --workers need less", 1
    else:
        text = f"{type(error).__name__}: {error}".rstrip(": ").split("\n")[0]
        message, hint, code = f"this is a mistake of ours: {text}", "run again with -v for the traceback", 1
    if output.verbose and not isinstance(error, click.ClickException | click.Abort | KeyboardInterrupt):
        hint = None if hint and hint.startswith("run again with -v") else hint
        with suppress(BrokenPipeError):
            click.echo(hide_secrets("".join(traceback.format_exception(error))), err=True, nl=False)
    with suppress(BrokenPipeError):
        _tell(hide_secrets(message), hide_secrets(hint) if hint else None, code, output)
    return code


def _tell(message: str, hint: str | None, code: int, output: Output) -> None:
    if output.json:
        click.echo(json.dumps({"error": message, "hint": hint}), err=True)
    elif code == INTERRUPTED or message.startswith("Usage:"):
        click.echo(f"{message}\n  {hint}" if hint else message, err=True)
    else:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
        if hint:
            click.echo(f"  {hint}", err=True)


@click.group("invplat", cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@common_to_all
@click.version_option(invplat.__version__, message="invplat %(version)s")
def cli() -> None:
    """One base model learnt from many stores, adapted to each business, served as forecasts and orders.

    \b
    Example:
      invplat data ingest --tenant corner-shop --mapping generic sales.csv
    """


def main() -> NoReturn:
    cli.main()
