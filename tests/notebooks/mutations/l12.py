"""What one could get wrong in lesson 12."""

from mutations import Company, Mutation

LARGE = Company(knobs=(("persuadables", 0.95), ("campaigns", 40)))
FORMULA, MODELS = "lib/knowpay_course/lessons/l12.py", "lib/knowpay/derive/models.py"
TOUCHES, EVIDENCE = "lib/knowpay/analyse/touches.py", "lib/knowpay/derive/evidence.py"
PREDICTED = "return arms.arms(test[list(columns)].to_numpy())"
RESPONSE = "shown, _ = arms.arms(test[list(columns)].to_numpy())\n    return shown, np.zeros(len(shown))"
WEIGHTED = "np.where(message, 1, -1) * stands_for(assignments)"
MUTATIONS = [
    Mutation("sign", FORMULA, "return p_shown - p_hidden", "return p_hidden - p_shown", "uplift, everybody", LARGE),
    Mutation("zero", FORMULA, "for arm in (True, False))", "for arm in (True, True))", "uplift, everybody", LARGE),
    Mutation("baseline", MODELS, PREDICTED, RESPONSE, "mean uplift, logistic", LARGE),
    Mutation(
        "swapped", MODELS, 'train["message"].to_numpy()', '~train["message"].to_numpy()', "mean uplift, logistic", LARGE
    ),
    Mutation(
        "period",
        "lesson",
        "shown_buyers = cases[:, :, 1, 1]",
        "shown_buyers = cases[:, :, 0, 1]",
        "shares of who bought when shown that equal the theorem",
        LARGE,
    ),
    Mutation(
        "window",
        TOUCHES,
        "WINDOW_DAYS = 14",
        "WINDOW_DAYS = 28",
        "tests/analyse/test_touches.py::test_a_window_that_the_end_cuts_is_no_outcome",
        LARGE,
    ),
    Mutation(
        "leak",
        EVIDENCE,
        'snapshot(ds, assignments.rename(columns={"assigned_at": "at"}))',
        'snapshot(ds, assignments.assign(at=assignments["assigned_at"] + pd.Timedelta(days=14)))',
        "uplift, busy",
        LARGE,
    ),
    Mutation(
        "order",
        "lesson",
        "effect = {name: l12.uplift(*arms)",
        "effect = {name: -l12.uplift(*arms)",
        "top half by uplift, share of the best half",
        LARGE,
    ),
    Mutation("trap", "lib/knowpay/derive/policy.py", WEIGHTED, WEIGHTED.replace("-1", "0"), "everybody", LARGE),
    Mutation(
        "trap",  # the printed formula has no prior
        FORMULA,
        "_share(self.p_shown * self.show * self.prior)",
        "_share(self.p_shown * self.show)",
        "slope of the simulation error",
        LARGE,
    ),
]
NOT_HERE: dict[str, str] = {}
