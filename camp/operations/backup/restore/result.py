"""What came of a restore."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Result:
    """Filled by the steps of a restore, for what is said at its end."""

    rows: int = 0
    files: int = 0
    without_bytes: int = 0  # rows whose file is not in the storage
    is_sample: bool = False  # whether that was not looked for in all of them
    kept: Path | None = None  # where files are that are not Camp's
    # Tables and columns of a portable archive that no migration makes.
    left_out: list = field(default_factory=list)
    is_old: bool = False  # whether `takeover` comes next
