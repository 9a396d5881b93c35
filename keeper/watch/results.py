"""
What the last day brought, from one life of the keeper to the next: a restart does not make losses undone.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import structlog

from keeper.files import replace_file

_log = structlog.get_logger("watch")


class Results:
    """
    One small file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved: Mapping[int, int] = {}

    def load(self) -> Mapping[int, int]:
        """
        Return net wei by the minute since 1970; nothing if there is no file, or none that can be understood.
        """
        try:
            record = json.loads(self._path.read_text())["wei_by_minute"]
            self._saved = {int(minute): int(wei) for minute, wei in record.items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            _log.warning("results_refused", file=self._path.name)
        return self._saved

    def save(self, results: Mapping[int, int]) -> None:
        """
        Have them on disk, unless they are. A disk that does not take them is the business of the breakers.
        """
        if results == self._saved:
            return
        try:
            # As strings: wei are beyond what JSON's numbers hold exactly.
            record = {"wei_by_minute": {str(minute): str(wei) for minute, wei in results.items()}}
            replace_file(self._path, [json.dumps(record, indent=2).encode()])
            self._saved = dict(results)
        except OSError as error:
            _log.warning("results_not_written", reason=error.strerror)
