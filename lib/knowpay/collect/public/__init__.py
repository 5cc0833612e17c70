"""The public data sets by name: those that `knowpay.open` knows (SETS), and all that a lesson may read (LISTED)."""

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
    upworthy,
)
from knowpay.collect.public.base import (
    Archive,
    File,
    PublicSet,
    checksum,
    convert,
    counts,
    find,
    get,
    open_public,
    where,
)

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
LISTED: dict[str, PublicSet] = SETS | {upworthy.UPWORTHY.name: upworthy.UPWORTHY}

__all__ = [
    "LISTED",
    "SETS",
    "Archive",
    "File",
    "PublicSet",
    "checksum",
    "convert",
    "counts",
    "find",
    "get",
    "open_public",
    "where",
]
