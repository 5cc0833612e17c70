"""Open Bandit Dataset, small version: items shown by lot in a fashion shop, with the probability of each.

Saito Y., Aihara S., Matsutani M., Narita Y. (2021). Open Bandit Dataset and Pipeline: Towards Realistic and
Reproducible Off-Policy Evaluation. NeurIPS Datasets and Benchmarks, arXiv:2008.07146. Men's and women's campaign, each
under two policies: uniform random and Bernoulli Thompson sampling (bts). How its columns become canonical ones:
datasets/open_bandit.md.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from knowpay.collect.local import published
from knowpay.collect.public.base import Archive, File, PublicSet

if TYPE_CHECKING:
    import pandas as pd

# One fixed state of the publisher's repository.
_URL = "https://raw.githubusercontent.com/st-tech/zr-obp/8cbd5fa4558b7ad2ba4781546d6604e4cc3e07c4/obd"
ITEMS = {"men": 34, "women": 46}
# file -> (place in the repository, bytes, sha256, rows)
_FILES = {
    "random_men.csv": (
        "random/men/men.csv",
        3_336_811,
        "ede6d08c6877f99cd3770f7d09e26c738e6aa6de4445ccccfb1356ba5d06b1eb",
        10_000,
    ),
    "random_women.csv": (
        "random/women/women.csv",
        3_817_771,
        "e65f3bd3beb17664fa69cc129bf7bf852a775f8ffa630506e505fc905315bb34",
        10_000,
    ),
    "bts_men.csv": (
        "bts/men/men.csv",
        3_240_432,
        "db6d1f7ed2d591ba521533e45286d4c1fba7fe57a8ad2e80342210335f43c527",
        10_000,
    ),
    "bts_women.csv": (
        "bts/women/women.csv",
        3_722_697,
        "e5d1b49a39b608585a2f3014a3f54970430cd37a495c1b73fceb85cdf428a5b8",
        10_000,
    ),
    "item_context_men.csv": (
        "random/men/item_context.csv",
        4_287,
        "6d855c2b7e917d0448d71bbe62c023147495882c0fdc8c41e86fef86abf9fe09",
        34,
    ),
    "item_context_women.csv": (
        "random/women/item_context.csv",
        5_792,
        "b1ca4905f97703d196004f2ad4552c1e90c2afad8b50688d333b0d2dc0b33147",
        46,
    ),
}


def _touches(policy: str, campaign: str) -> str:
    affinities = ", ".join(f'"user-item_affinity_{i}"' for i in range(ITEMS[campaign]))
    return f"""
        SELECT '{policy}-{campaign}-' || rowid AS touch_id, '{campaign}-{policy}' AS campaign_id,
               '{campaign}' AS experiment_id, 'row-{policy}-{campaign}-' || rowid AS anonymous_id,
               "timestamp"::TIMESTAMPTZ AS assigned_at, 'randomised' AS assignment, 'item-' || item_id AS variation_id,
               propensity_score::DOUBLE AS propensity, 'position-' || position AS stratum, assigned_at AS exposed_at,
               CASE WHEN click = '1' THEN assigned_at END AS clicked_at,
               json_object('affinity', ([{affinities}])[item_id::INTEGER + 1]::DOUBLE,
                   'user_feature_0', user_feature_0, 'user_feature_1', user_feature_1,
                   'user_feature_2', user_feature_2, 'user_feature_3', user_feature_3,
                   'clicked_at_known', false) AS properties
        FROM src_{policy}_{campaign}"""


_PAIRS = [(policy, campaign) for policy in ("random", "bts") for campaign in ITEMS]
OPEN_BANDIT = PublicSet(
    name="open_bandit",
    title="Open Bandit Dataset, small version",
    folder="open_bandit_small",
    source="https://github.com/st-tech/zr-obp/tree/master/obd",
    licence="Apache-2.0 (small version, in the publisher's repository); the full data CC BY 4.0",
    citation="Saito Y., Aihara S., Matsutani M., Narita Y. (2021). Open Bandit Dataset and Pipeline: Towards Realistic "
    "and Reproducible Off-Policy Evaluation. NeurIPS Datasets and Benchmarks. arXiv:2008.07146",
    archives=tuple(Archive(f"{_URL}/{at}", sha, size, name=name) for name, (at, size, sha, _) in _FILES.items()),
    files={
        name: File(sha, rows, read="read_csv({path}, all_varchar = true, header = true, delim = ',')")
        for name, (_, _, sha, rows) in _FILES.items()
    },
    counts={
        f"clicks, {policy}, {campaign}": (n, f"SELECT count(*) FROM src_{policy}_{campaign} WHERE click = '1'")
        for (policy, campaign), n in zip(_PAIRS, (46, 46, 69, 46), strict=True)
    },
    tables={f"touches-{policy}-{campaign}": _touches(policy, campaign) for policy, campaign in _PAIRS},
    times=" UNION ALL ".join(f'SELECT assigned_at FROM "touches-{p}-{c}"' for p, c in _PAIRS),
    manifest={
        "timezone": "Asia/Tokyo",
        "currency": "JPY",
        "extracted_at": "2020-08-17",  # day on which the paper appeared
        "lawful_basis_note": "no ids of people; features are hashed; published by ZOZO, Inc. under an open licence",
        "constants": "the log names no people: anonymous_id is the row; clicked_at is the time of the impression, "
        "that of the click is not logged",
    },
)


def open_bandit(policy: str, campaign: str) -> pd.DataFrame:
    """Return 10,000 logged rows of a policy ("random", "bts") in a campaign ("men", "women"), as published.

    Columns: timestamp (UTC), item_id, position (1 to 3), click (0/1), propensity_score (of the item at its position),
    user_feature_0 to 3 (hashed), user-item_affinity_<item> (34 or 46).

    Raises:
        ValueError: there is no such policy or campaign.
        DownloadError: the file is not there or has other bytes; the message says where it belongs.
    """
    if (policy, campaign) not in _PAIRS:
        raise ValueError(
            f"There is no log of {policy!r} and {campaign!r}; policies: random, bts; campaigns: men, women."
        )
    return _frame(f"{policy}_{campaign}.csv", parse_dates=["timestamp"])


def items(campaign: str) -> pd.DataFrame:
    """Return the features of the items of a campaign ("men": 34, "women": 46), as published. Errors as above."""
    if campaign not in ITEMS:
        raise ValueError(f"There is no campaign {campaign!r}; there are men and women.")
    return _frame(f"item_context_{campaign}.csv")


def _frame(name: str, **how: object) -> pd.DataFrame:
    import pandas as pd

    content = published("open_bandit_small", name, _FILES[name][2], f"{_URL}/{_FILES[name][0]}")
    return pd.read_csv(io.BytesIO(content), index_col=0, **how)
