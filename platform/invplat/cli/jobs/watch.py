"""Watching a job from outside: a line that says how far it is, until it has ended. Whoever stops watching stops
nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import click

from invplat.cli.jobs.shown import checked
from invplat.cli.output import Output
from invplat.core.errors import Interrupted

if TYPE_CHECKING:
    from invplat.registry.database import Database
    from invplat.registry.jobs import Job

LOOK_EVERY = 0.5  # seconds between two looks at the registry
CHECK_EVERY = 5.0  # between two looks at whether its process is there
LINE_EVERY = 5.0  # between two lines where nothing can be written over


def wait(output: Output, database: Database, job: str) -> Job:
    """Until it is over, whichever way. Ctrl-C leaves it running."""
    from invplat.registry import jobs, results

    line = _Line(output)
    looked = 0.0
    try:
        while True:
            found = jobs.get(database, job)
            if time.monotonic() - looked >= CHECK_EVERY or not looked:
                looked = time.monotonic()
                (found,) = checked(database, [found])
            if found.state not in jobs.UNDER_WAY:
                return found
            line.say(found, results.counts(database, [job])[job])
            time.sleep(LOOK_EVERY)
    except KeyboardInterrupt:
        raise Interrupted(
            f"no longer watching; job {job} goes on",
            hint=f"see it: invplat jobs status {job}; end it: invplat jobs stop {job}",
        ) from None
    finally:
        line.end()


class _Line:
    """On a terminal it is written over, elsewhere there is one now and then, where something has changed."""

    def __init__(self, output: Output) -> None:
        self.silent = output.quiet or output.json
        self.over = sys.stderr.isatty()
        self.began: float | None = None
        self._first, self._said = 0, 0.0
        self._last: tuple[int, str] | None = None

    def say(self, job: Job, counts: Mapping[str, int]) -> None:
        now = time.monotonic()
        done, total = counts.get("done", 0) + counts.get("failed", 0), sum(counts.values())
        if self.began is None:
            self.began, self._first = now, done
        text = line_of(str(job.state), done, counts.get("failed", 0), total, done - self._first, now - self.began)
        fresh = now - self._said >= LINE_EVERY and (done, str(job.state)) != self._last
        if self.silent or not (self.over or fresh):
            return
        self._said, self._last = now, (done, str(job.state))
        width = get_terminal_size().columns - 1
        click.echo(f"\r\x1b[K{text[:width]}" if self.over else text, err=True, nl=not self.over)

    def end(self) -> None:
        if self.over and not self.silent:
            click.echo("\r\x1b[K", err=True, nl=False)


def line_of(state: str, done: int, failed: int, total: int, fresh: int, seconds: float) -> str:
    """`fresh`: how many ended in these seconds of watching."""
    if state == "queued":
        return "queued: its process is starting"
    parts = [f"{done:,} of {total:,}"]
    parts += [f"{failed:,} failed"] if failed else []
    if fresh and seconds > 0:
        rate = fresh / seconds
        left = (total - done) / rate
        parts.append(f"{60 * rate:,.0f} a minute")
        parts.append(f"{left:.0f} s left" if left < 100 else f"{left / 60:.0f} min left")
    return ", ".join(parts)
