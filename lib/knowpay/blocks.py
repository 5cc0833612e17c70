"""Work on many rows a block at a time, so that a dense block of them fits into memory."""

from __future__ import annotations

from collections.abc import Iterator

BLOCK_BYTES = 8_000_000  # of one block of float64 numbers; ranking it takes five times as much


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yield slices that cover ``rows``, each so short that a block with ``columns`` numbers fits into BLOCK_BYTES."""
    step = max(1, BLOCK_BYTES // (8 * max(columns, 1)))
    yield from (slice(start, min(start + step, rows)) for start in range(0, rows, step))
