"""Folders that are made once: whole, or not there."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return `folder`; make it first if it is missing.

    Parameters
    ----------
    folder
        The folder; its name must change whenever what is made into it would.
    make
        Fills an empty folder beside to the final one, which becomes `folder` only after this
        returned and everything is on the disk. So an interruption at any point, and a power
        failure too, leaves no half-made folder that a later run believes in.
    """
    if folder.is_dir():
        return folder
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    make(unfinished)
    os.sync()
    unfinished.rename(folder)
    return folder


def remove_others(folder: Path) -> None:
    """Remove what lies beside a folder: other versions of it."""
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other)
