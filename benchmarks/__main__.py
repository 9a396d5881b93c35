"""
Run a benchmark: a module here whose ``run`` returns what it measured.
"""

import argparse
import importlib
import json
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NAMES = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name[0] != "_")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", type=Path, help="write the results there, too")
    options = parser.parse_args()
    results = importlib.import_module(f"benchmarks.{options.name}").run()
    for line in _table(results):
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
