"""Packs in this process, one after another: the way to debug a study, and to run one where no other process may be.

The trials are those that Ray would run, as what the search knows when it asks does not hang on who is first.
"""

from __future__ import annotations

from invplat.tune.driver import Driver, Run, trouble
from invplat.tune.trial import Pack


def run(driver: Driver, train: Run) -> None:
    """Until nothing is left, or the time is over."""
    while isinstance(pack := driver.next(), Pack):
        try:
            finished = train(pack)
        except Exception as error:
            driver.lost(pack.number, trouble(error))
        else:
            driver.done(pack.number, finished)
