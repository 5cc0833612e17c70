"""What one could get wrong in lesson 03, Trust and protect the data."""

from mutations import Company, Mutation

LARGE = Company(seed=1, knobs=(("persuadables", 0.95), ("campaigns", 60)))
TOUCHES = "lib/knowpay/analyse/touches.py"

MUTATIONS = [
    Mutation(
        "sign",
        TOUCHES,
        "from_error(means[True] - means[False]",
        "from_error(means[False] - means[True]",
        "purchases that a message adds",
        LARGE,
    ),
    Mutation(
        "zero",
        TOUCHES,
        'arm = rows["message"].to_numpy(dtype=bool) == message',
        "arm = np.ones(len(rows), dtype=bool)",
        "purchases that a message adds",
        LARGE,
    ),
    Mutation(  # the table of everybody, whatever they said
        "baseline",
        "lesson",
        'known = users[users["user_id"].map(why["analysis"]) == ""].dropna(subset=quasi)',
        "known = users.dropna(subset=quasi)",
        "people who denied analysis in the table",
        LARGE,
    ),
    Mutation(  # one filter for the gate: the consent to marketing answers every question
        "baseline",
        "lib/knowpay/collect/privacy/permission.py",
        '"analysis": (*NEVER, "analysis refused"),',
        '"analysis": (*NEVER, "marketing refused"),',
        "people who denied analysis and are let in",
        LARGE,
    ),
    Mutation(
        "swapped",
        TOUCHES,
        'message=rows["arm"] != CONTROL,',
        'message=rows["arm"] == CONTROL,',
        "what the refusals cost in a year",
        LARGE,
    ),
    Mutation("period", "lesson", "fen.index[fen >= 2]", "fen.index[fen > 2]", "test accounts found", LARGE),
    Mutation(
        "window",
        "lesson",
        "ds.observation_end - pd.Timedelta(days=365)",
        "ds.observation_end - pd.Timedelta(days=2 * 365)",
        "campaigns of a year",
        LARGE,
    ),
    Mutation(  # one person is in two counts, and the noise is drawn for one
        "trap",
        "lesson",
        "discrete_laplace(1 / exact(e), rng)",
        "discrete_laplace(1 / exact(2 * e), rng)",
        "mean error at epsilon 1",
        LARGE,
    ),
    Mutation(  # no teacher, no fee, no refund
        "trap",
        "lesson",
        '(assignments["price"] * money.contribution_rate(ds, teacher_share)).to_numpy()',
        'assignments["price"].to_numpy()',
        "what the refusals cost in a year",
        LARGE,
    ),
    Mutation(  # classes of three pass for classes of ten
        "trap",
        "lesson",
        "anonymity.generalise(known, bands, k=10)",
        "anonymity.generalise(known, bands, k=3)",
        "people in the smallest class of the table",
        LARGE,
    ),
]
NOT_HERE = {
    "leak": "nothing is forecast or fitted; what leaks here are people, and the list has that under baseline",
    "order": "nothing is ranked",
}
