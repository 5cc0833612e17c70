"""What one could get wrong in lesson 02, Join social and third-party data."""

from mutations import Company, Mutation

COMPANY = Company(seed=3)  # the invited come on 7 % more days, and their mix of kinds is another
L02 = "lib/knowpay_course/lessons/l02.py"
IDENTITY = "lib/knowpay/collect/identity.py"
ECONOMICS = "lib/knowpay/analyse/economics.py"

MUTATIONS = [
    Mutation(
        "sign",
        L02,
        '"kind": active[invited].mean() / usual[invited].mean() - 1,',
        '"kind": usual[invited].mean() / active[invited].mean() - 1,',
        "days of the invited over their kind",
        COMPANY,
    ),
    Mutation(  # the kinds play no part
        "zero",
        "lesson",
        'value["favourite"] = favourite',
        'value["favourite"] = "any"',
        "of which the mix of people",
        COMPANY,
    ),
    Mutation(  # a device is a person, whoever logged in on it
        "baseline",
        IDENTITY,
        "min(user_id) <> max(user_id) AS shared",
        "false AS shared",
        "events given to one between two logins of another",
        COMPANY,
    ),
    Mutation(  # the last user of a device is carried on into the next one's run
        "baseline",
        IDENTITY,
        "if(timestamp <= last_seen_at, owner, e.anonymous_id) END AS person_id",
        "owner END AS person_id",
        "events given to one between two logins of another",
        COMPANY,
    ),
    Mutation(  # who was invited, counted as who invited
        "swapped",
        L02,
        'pd.Timedelta(days=days), "referrer_user_id"].value_counts()',
        'pd.Timedelta(days=days), "user_id"].value_counts()',
        "K in 180 days",
        COMPANY,
    ),
    Mutation(
        "swapped",
        "lesson",
        'value["invited"] = inviter.reindex(value.index).notna()',
        'value["invited"] = inviter.reindex(value.index).isna()',
        "contribution of an invited user",
        COMPANY,
    ),
    Mutation(
        "period",
        L02,
        "generation.fillna(inviter.map(generation) + 1)",
        "generation.fillna(inviter.map(generation) + 2)",
        "K of generation 1",
        COMPANY,
    ),
    Mutation(
        "window",
        L02,
        "waited < pd.Timedelta(days=days)",
        "waited < pd.Timedelta(days=2 * days)",
        "K in 180 days",
        COMPANY,
    ),
    Mutation(  # users who have not been watched for the half year
        "window",
        L02,
        "created.between(start, end - pd.Timedelta(days=days))",
        "created.between(start, end)",
        "K in 180 days",
        COMPANY,
    ),
    Mutation(  # the value of those users is cut off too
        "window",
        ECONOMICS,
        'value = paid[paid["day"] < horizon]',
        'value = paid[paid["day"] < 2 * horizon]',
        "contribution of an invited user",
        COMPANY,
    ),
    Mutation(  # K of all time for the K of half a year
        "trap",
        "lesson",
        "half_year = estimate.mean(brought)",
        "half_year = estimate.mean(inviter.notna())",
        "K in 180 days",
        COMPANY,
    ),
    Mutation(  # those whom the invited bring cost the reward too
        "trap",
        "lesson",
        "(w + k / (1 - k) * (w - now) for w, k in ends)",
        "(w / (1 - k) for w, k in ends)",
        "ceiling of an accepted invitation",
        COMPANY,
    ),
]
NOT_HERE = {
    "leak": "nothing is forecast or fitted: every number of the lesson looks back",
    "order": "nothing is ranked",
}
