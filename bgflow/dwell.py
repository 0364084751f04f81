"""Whether a hand that came to rest has rested for long enough: exact in the stream's own time."""

from __future__ import annotations

EXACT = 1e-6  # seconds: less than any two frames are apart


class Dwell:
    """One place that can be held; `advance` once per instant.

    Drop-outs of up to `gap` seconds do not count as leaving. Who has triggered must leave before it triggers again.
    """

    def __init__(self) -> None:
        self._since = self._seen = 0.0
        self.held = self.fired = False

    def advance(self, now: float, touched: bool, seconds: float, gap: float) -> bool:
        """Whether it triggers at this instant: touched now, and held for `seconds`."""
        if self.held and not 0 <= now - self._seen <= gap + EXACT:
            self.held = self.fired = False
        if not touched:
            return False
        if not self.held:
            self.held, self._since = True, now
        self._seen = now
        if self.fired or now - self._since < seconds - EXACT:
            return False
        self.fired = True
        return True

    def filled(self, seconds: float) -> float:
        """The share of `seconds` for which it has been held, 0..1."""
        if not self.held:
            return 0.0
        return 1.0 if self.fired else min((self._seen - self._since) / seconds, 1.0) if seconds else 1.0
