"""What a person sees while the local cloud works: each step with its time, as it happens."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

console = Console(highlight=False)


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Show a step: a spinner while it runs on a terminal, and a line with its time when it is done.

    Parameters
    ----------
    title
        What is being done, as a sentence without its full stop.
    """
    started = time.monotonic()
    if not console.is_terminal:
        console.print(f"  … {escape(title)}")
    try:
        with console.status(f"{escape(title)} …"):
            yield
    except BaseException:
        console.print(f"  [red]✗[/] {escape(title)} [dim]{time.monotonic() - started:.1f} s[/]")
        raise
    console.print(f"  [green]✓[/] {escape(title)} [dim]{time.monotonic() - started:.1f} s[/]")


@contextlib.contextmanager
def changing_line() -> Iterator[Callable[[str], None]]:
    """Return a function that shows a line in the place of its last one.

    Where there is no terminal, each line that differs from the last is a line of its own.
    """
    if console.is_terminal:
        with Live(console=console, transient=True) as live:
            yield lambda text: live.update(Text(f"    {text}" if text else ""))
        return
    shown = ""

    def show(text: str) -> None:
        nonlocal shown
        if text and text != shown:
            console.print(f"    {escape(text)}", soft_wrap=True)
        shown = text

    yield show


def note(text: str) -> None:
    """Show a remark that belongs to the step before or in hand.

    Parameters
    ----------
    text
        The remark.
    """
    for line in text.splitlines():
        console.print(f"    [dim]{escape(line)}[/]", soft_wrap=True)
