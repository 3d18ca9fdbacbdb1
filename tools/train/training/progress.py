"""Progress with the time left, to stderr: one line that moves on a terminal, now and then a line elsewhere."""
import os
import sys
import time

SECONDS_ON_TERMINAL, SECONDS_ELSEWHERE = 0.5, 30


def say(text):
    """Once, however many processes there are."""
    if os.environ.get("RANK", "0") == "0":
        print(f"train.py: {text}", file=sys.stderr, flush=True)


class Progress:
    """Of one stage; `fraction` of it was done before."""

    def __init__(self, stage, is_shown, fraction=0.0):
        self.stage, self.is_shown, self.first = stage, is_shown, fraction
        self.start = self.last = time.monotonic()
        self.is_terminal = sys.stderr.isatty()

    def update(self, fraction, text):
        now = time.monotonic()
        seconds = SECONDS_ON_TERMINAL if self.is_terminal else SECONDS_ELSEWHERE
        if self.is_shown and now - self.last >= seconds and fraction > self.first:
            self.last = now
            left = (now - self.start) * (1 - fraction) / (fraction - self.first)
            line = f"{self.stage} {100 * fraction:.0f} %, {text}, {duration(left)} left"
            if self.is_terminal:
                print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
            else:
                say(line)

    def line(self, text):
        """A line that stays."""
        if self.is_shown:
            if self.is_terminal:
                print("\r\033[K", end="", file=sys.stderr)
            say(f"{self.stage}: {text}, {duration(time.monotonic() - self.start)} so far")


def duration(seconds):
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
