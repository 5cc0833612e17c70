"""What one could get wrong in lesson 06, Build user profiles."""

from mutations import Company, Mutation

COMPANY = Company(seed=0)
PROFILES = "lib/knowpay/analyse/profiles.py"

MUTATIONS = [
    Mutation(
        "sign",
        "lesson",
        'gain = estimate.mean(personal[best] - personal["one for all"], seed=seed)',
        'gain = estimate.mean(personal["one for all"] - personal[best], seed=seed)',
        "gain of a month",
        COMPANY,
    ),
    Mutation(  # every way shows the same page
        "zero",
        "lesson",
        "chosen = {name: l06.featured(group, train=before) for name, group in ways.items()}",
        'chosen = {name: l06.featured(ways["one for all"], train=before) for name in ways}',
        "gained, of what could be gained",
        COMPANY,
    ),
    Mutation(
        "baseline",
        "lesson",
        "pd.Series(range(len(features)), index=features.index),",
        "pd.Series(0, index=features.index),",
        "gained, of what could be gained",
        COMPANY,
    ),
    Mutation(  # labels of other users
        "swapped",
        "lesson",
        ".groupby(labels.to_numpy()).mean()",
        ".groupby(np.roll(labels.to_numpy(), 1)).mean()",
        "profiles with the two favourites of a planted group",
        COMPANY,
    ),
    Mutation(  # 120 days are four months
        "period",
        "lesson",
        'later["visits"].sum() / 4 * featured_opens',
        'later["visits"].sum() / 3 * featured_opens',
        "gain of a month",
        COMPANY,
    ),
    Mutation(
        "window",
        "lesson",
        'visits["moment"] >= line',
        'visits["moment"] >= line - pd.Timedelta(days=120)',
        "gain of a month",
        COMPANY,
    ),
    Mutation(  # the favourite is chosen from the pages that are counted, too
        "leak",
        "lesson",
        "before = profiles.pages_by_category(ds, until=line)",
        "before = profiles.pages_by_category(ds)",
        "pages gained by the best way",
        COMPANY,
    ),
    Mutation(
        "order",
        "lesson",
        "row.nlargest(2).index",
        "row.nsmallest(2).index",
        "profiles with the two favourites of a planted group",
        COMPANY,
    ),
    Mutation(  # the grouping with the highest silhouette
        "trap",
        "lesson",
        "labels = pd.Series(profiles.cluster(x, k=groups, seed=seed), index=features.index)",
        "labels = pd.Series(profiles.cluster(skewed, k=groups, seed=seed), index=features.index)",
        "agreement with the planted groups (ARI)",
        COMPANY,
    ),
    Mutation(  # one cloud splits in pieces when only the gap counts, and not its error
        "trap",
        PROFILES,
        "enough = value[:-1] >= value[1:] - error[1:]",
        "enough = value[:-1] >= value[1:]",
        "tests/analyse/test_profiles.py::test_choose_by_hand",
        COMPANY,
    ),
    Mutation(  # memberships are no course pages
        "trap",
        "lesson",
        'spent = paid[~paid["product_id"].isin(plans)].groupby("user_id")["amount"].sum()',
        'spent = paid.groupby("user_id")["amount"].sum()',
        "gain of a month",
        COMPANY,
    ),
]
NOT_HERE: dict[str, str] = {}
