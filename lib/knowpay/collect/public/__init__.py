"""The public data sets that `knowpay.open` knows, by name."""

from knowpay.collect.public import (
    bank_marketing,
    catalogues,
    cdnow,
    hillstrom,
    kddcup,
    mooccube,
    online_retail,
    open_bandit,
    oulad,
)
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
_COMMERCE = (
    online_retail.ONLINE_RETAIL,
    hillstrom.HILLSTROM,
    cdnow.CDNOW,
    open_bandit.OPEN_BANDIT,
    bank_marketing.BANK_MARKETING,
)
SETS: dict[str, PublicSet] = {s.name: s for s in (*_LEARNING, *_COMMERCE)}

__all__ = ["SETS", "Archive", "File", "PublicSet", "convert", "counts", "open_public"]
