"""
Files that are replaced as a whole: whoever ends the process, or the machine, leaves the old one or the new one.
"""

import os
from collections.abc import Iterable
from pathlib import Path


def replace_file(path: Path, chunks: Iterable[bytes]) -> None:
    """
    Make *chunks* what the file holds, on disk when this returns.

    Raises:
        OSError: It cannot be written; what it held before is still there.
    """
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.writelines(chunks)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """
    Have what was renamed or removed in a folder on disk.

    Raises:
        OSError: The disk does not take it.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
