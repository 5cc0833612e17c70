"""What one could get wrong in lesson 18."""

from mutations import Company, Mutation

LARGE = Company(knobs=(("persuadables", 0.95),))
TOUCHES, UPLIFT = "lib/knowpay/analyse/touches.py", "lib/knowpay/derive/uplift.py"
CAMPAIGN = "lib/knowpay/operate/campaign.py"
ADDED, PREDICTED = "from_error(means[True] - means[False]", "self.learner_.predict(self.features_.transform(known))"
WEIGHTED = "np.where(message, 1, -1) * stands_for(assignments)"
MUTATIONS = [
    Mutation("sign", TOUCHES, ADDED, "from_error(means[False] - means[True]", "effect of the message", LARGE),
    Mutation("zero", UPLIFT, PREDICTED, f"0.0 * {PREDICTED}", "gain that the model predicts", LARGE),
    Mutation(
        "baseline",  # one course for all
        CAMPAIGN,
        "best = self.scores.argmax(axis=1)",
        "best = np.zeros(len(self.users), dtype=int)",
        "people on the list who have the course",
        LARGE,
    ),
    Mutation(
        "swapped",
        UPLIFT,
        "fit(x, bought, message, weight)",
        "fit(x, bought, ~message, weight)",
        "gain that the model predicts",
        LARGE,
    ),
    Mutation(
        "period",
        CAMPAIGN,
        'argsort(axis=1, kind="stable") + 1',
        'argsort(axis=1, kind="stable")',
        "tests/operate/test_campaign.py::test_places_count_from_one",
        LARGE,
    ),
    Mutation(
        "window",
        "lib/knowpay/operate/plan.py",
        "CAPS = ((14, 1), (90, 3))",
        "CAPS = ((7, 1), (45, 3))",
        "tests/operate/test_plan.py::test_caps_count_messages_only",
        LARGE,
    ),
    Mutation(
        "leak",
        CAMPAIGN,
        "shelves = shelf(ds, products, at, penalty)",
        "shelves = shelf(ds, products, None, penalty)",
        "gain per doubling of the place",
        LARGE,
    ),
    Mutation("order", UPLIFT, "ascending=False", "ascending=True", "list of the model", LARGE),
    Mutation(
        "trap",
        "lesson",
        '"T-learner": learners.TLearner',
        '"T-learner": learners.Response',
        "gain that the model predicts",
        LARGE,
    ),
    Mutation(
        "trap",  # all purchases after a message
        "lib/knowpay/derive/policy.py",
        WEIGHTED,
        WEIGHTED.replace("-1", "0"),
        "gain of one course for all",
        LARGE,
    ),
]
NOT_HERE: dict[str, str] = {}
