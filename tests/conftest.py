"""
The one option of the tests: where recorded answers of contracts are kept, which are not part of this repository.
"""

from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--vectors",
        type=Path,
        default=_ROOT / "../shared/vectors",
        metavar="DIR",
        help="folder of recorded swaps and quotes (default: %(default)s)",
    )
