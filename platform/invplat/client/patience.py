"""Whether a request that failed is sent again, and after how long. Knows no HTTP: it is told what the trouble was."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from invplat.core.errors import InvplatError

FIRST = 0.05  # seconds before the second try; doubled from then on
LONGEST = 2.0
SPREAD = 0.25  # of what the server asks for, added by chance, so that not all come back at once


@dataclass(frozen=True)
class Trouble:
    error: InvplatError  # raised where there is no more patience
    tries: int | None = None  # more of them help at most; None: until patience is over
    after: float | None = None  # seconds that the server asked for
    cause: BaseException | None = None


class Patience:
    """Of one request, from its first try on."""

    def __init__(self, seconds: float) -> None:
        self.tries = 0
        self._doubtful = 0  # those of a kind of trouble that may well stay
        self._until = time.monotonic() + seconds

    def once_more(self, trouble: Trouble) -> bool:
        """Wait, and say yes; or say no, at once where waiting is of no use."""
        self.tries += 1
        if trouble.tries is not None:
            self._doubtful += 1
            if self._doubtful > trouble.tries:
                return False
        wait = self._wait(trouble.after)
        if time.monotonic() + wait >= self._until:
            return False
        time.sleep(wait)
        return True

    def _wait(self, after: float | None) -> float:
        if after is not None:
            return after + random.uniform(0, SPREAD * min(after, 1.0) + FIRST)
        longest = min(LONGEST, FIRST * 2.0 ** min(self.tries - 1, 16))
        return random.uniform(longest / 2, longest)
