"""The public data sets that `knowpay.open` knows, by name."""

from knowpay.collect.public import catalogues, kddcup, mooccube, oulad
from knowpay.collect.public.base import Archive, File, PublicSet, convert, counts, open_public

_LEARNING = (
    oulad.OULAD,
    mooccube.MOOCCUBE,
    mooccube.MOOCCUBE_FULL,
    mooccube.MOOCCUBEX,
    kddcup.KDDCUP2015,
    catalogues.UDEMY,
    catalogues.COURSERA,
)
SETS: dict[str, PublicSet] = {s.name: s for s in _LEARNING}

__all__ = ["SETS", "Archive", "File", "PublicSet", "convert", "counts", "open_public"]
