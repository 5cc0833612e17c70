"""What one could get wrong in lesson 00, Start here."""

from mutations import Company, Mutation

LARGE = Company(seed=1, knobs=(("persuadables", 0.95), ("campaigns", 60)))
TOUCHES = "lib/knowpay/analyse/touches.py"
ECONOMICS = "lib/knowpay/analyse/economics.py"
L00 = "lib/knowpay_course/lessons/l00.py"

MUTATIONS = [
    Mutation(
        "sign",
        TOUCHES,
        "from_error(means[True] - means[False]",
        "from_error(means[False] - means[True]",
        "effect of the message",
        LARGE,
    ),
    Mutation(
        "zero",
        TOUCHES,
        'arm = rows["message"].to_numpy(dtype=bool) == message',
        "arm = np.ones(len(rows), dtype=bool)",
        "gain per message",
        LARGE,
    ),
    Mutation(  # what a purchase of those who were written to brings, as if none had bought without
        "baseline",
        "lesson",
        'effect = touches.difference(touches.contrast(listed, arm), "bought")',
        'effect = estimate.mean(listed.loc[listed["arm"] == arm, "bought"])',
        "effect of the message",
        LARGE,
    ),
    Mutation(
        "baseline",
        L00,
        "rate, missing = money.contribution_rate(ds, teacher_share),",
        "rate, missing = 1 - teacher_share,",
        "what remains of a yuan",
        LARGE,
    ),
    Mutation("swapped", TOUCHES, 'message=rows["arm"] != CONTROL,', 'message=rows["arm"] == CONTROL,', "plan", LARGE),
    Mutation(
        "period",
        ECONOMICS,
        ".astype(int) + 1)",
        ".astype(int) + 2)",
        "tests/analyse/test_economics.py::test_recovered_and_payback_by_hand",
        LARGE,
    ),
    Mutation(
        "window",
        ECONOMICS,
        'value = paid[paid["day"] < horizon]',
        'value = paid[paid["day"] < 2 * horizon]',
        "value of a mature user",
        LARGE,
    ),
    Mutation(
        "window",
        "lesson",
        "touches.outcomes(ds, window_days=14)  #",
        "touches.outcomes(ds, window_days=7)  #",
        "effect of the message",
        LARGE,
    ),
    Mutation(  # how active people were after the message, not before it: who buys has been seen
        "leak",
        "lesson",
        'listed.rename(columns={"assigned_at": "at"})',
        'listed.assign(at=listed["assigned_at"] + pd.Timedelta(days=14))',
        "effect among quiet users",
        LARGE,
    ),
    Mutation(
        "order",
        "lesson",
        'if touches.difference(p, "gain").value > 0]',
        'if touches.difference(p, "gain").value < 0]',
        "plan",
        LARGE,
    ),
    Mutation(
        "trap",
        "lesson",
        'ltv = estimate.mean(mature["value"], seed=seed, unit="yuan")',
        'ltv = estimate.mean(mature.loc[mature["value"] > 0, "value"], seed=seed, unit="yuan")',
        "value of a mature user",
        LARGE,
    ),
    Mutation(  # users who have not been watched for the whole horizon
        "trap",
        ECONOMICS,
        "last = ds.observation_end - pd.Timedelta(days=horizon)",
        "last = ds.observation_end",
        "tests/analyse/test_economics.py::test_cohort_value_counts_only_users_watched_for_the_whole_horizon",
        LARGE,
    ),
]
NOT_HERE: dict[str, str] = {}
