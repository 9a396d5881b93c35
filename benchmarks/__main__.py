"""
Run a benchmark: a module here whose ``run`` returns what it measured.

It may add options of its own (``add_options``, which ``run`` is then given) and say itself how its results read
(``lines``).
"""

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NAMES = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name[0] != "_")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", type=Path, help="write the results there, too")
    named = [argument for argument in sys.argv[1:] if argument in NAMES]
    module: Any = importlib.import_module(f"benchmarks.{named[0]}") if named else None
    if hasattr(module, "add_options"):
        module.add_options(parser)
        options = parser.parse_args()
        results = module.run(options)
    else:
        options = parser.parse_args()
        results = module.run()
    for line in getattr(module, "lines", _table)(results):
        print(line)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


def _table(results: Mapping[str, Any]) -> Iterator[str]:
    width = max(map(len, results))
    for name, values in results.items():
        cells = values.items() if isinstance(values, Mapping) else [("", values)]
        yield f"{name:<{width}}  " + "  ".join(f"{key} {value}" for key, value in cells)


if __name__ == "__main__":
    main()
