"""The public data sets that `knowpay.open` knows, by name."""

from knowpay.collect.public import oulad
from knowpay.collect.public.base import Archive, File, PublicSet, convert, counts, open_public

SETS: dict[str, PublicSet] = {s.name: s for s in (oulad.OULAD,)}

__all__ = ["SETS", "Archive", "File", "PublicSet", "convert", "counts", "open_public"]
