"""
The inner loops over flat arrays: plain Python, which numba compiles in place where it is installed.

So the interpreted twin of every kernel is its own source. Compiled code is cached under a digest of all kernels, since
one is inlined into another; where nothing can be written, it is compiled anew by each process.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from keeper.routes.kernels import bounds, climb, count, cycles, flows, moebius, optimum, rings, smooth, stairs, walk
from keeper.routes.kernels.tables import makes_arrays

_HERE = Path(__file__).parent
#: Numba's own word for compiling without its runtime, which counts references; what needs it is refused.
_UNCOUNTED: dict[str, Any] = {"_nrt": False}

_MODULES = (rings, bounds, cycles, moebius, optimum, climb, smooth, walk, stairs, count, flows)


@cache
def compile_kernels() -> bool:
    """
    Have numba compile the kernels, each when it is first called; return whether numba is there.
    """
    return compile_modules(_MODULES, [_HERE])


def compile_modules(modules: Sequence[ModuleType], packages: Sequence[Path]) -> bool:
    """
    Have numba compile the kernels that these modules name, as above.

    Args:
        packages: The folders of all sources that they are made of.
    """
    try:
        from numba import config, njit
    except ImportError:
        return False
    folder = _cache_folder(packages)
    before = config.CACHE_DIR  # type: ignore[attr-defined]
    config.CACHE_DIR = str(folder or "")  # type: ignore[attr-defined]
    try:
        options: dict[str, Any] = {"cache": folder is not None, "error_model": "numpy", "nogil": True}
        _replace(modules, njit(**options), njit(**options | _UNCOUNTED))
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]
    return True


def _replace(
    modules: Sequence[ModuleType],
    compile_one: Callable[[FunctionType], Any],
    compile_without_references: Callable[[FunctionType], Any],
) -> None:
    """Put the compiled kernel wherever a module names the plain one."""
    compiled: dict[FunctionType, Any] = {}
    for module in modules:
        for name, kernel in list(vars(module).items()):
            if isinstance(kernel, FunctionType) and ".kernels." in kernel.__module__ and kernel is not makes_arrays:
                if kernel not in compiled:
                    counts = hasattr(kernel, "makes_arrays") or not kernel.__module__.startswith(__name__)
                    compiled[kernel] = compile_one(kernel) if counts else compile_without_references(kernel)
                setattr(module, name, compiled[kernel])


def _cache_folder(packages: Sequence[Path] = (_HERE,)) -> Path | None:
    """The first place that can be written: what the user set, beside the source, the user's own."""
    digest = blake2b(digest_size=8)
    for package in packages:
        for source in sorted(package.glob("*.py")):
            digest.update(source.read_bytes())
    for place in _places():
        folder = place / f"kernels-{digest.hexdigest()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return folder
    return None


def _places() -> Iterator[Path]:
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(given)
    yield _HERE / "__pycache__"
    with suppress(RuntimeError):  # a user without a home
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flashkeeper"
