"""What one could get wrong in lesson 10: who leaves, when, and what a call is worth."""

from mutations import Company, Mutation

CHURN, MODELS = "lib/knowpay/analyse/churn.py", "lib/knowpay/analyse/churn_models.py"
RENEWAL = "tests/analyse/test_churn.py::test_who_has_left"
SNAPSHOT = "lib/knowpay/people/snapshot.py"
MEMBERS = Company(size="8000")
MUTATIONS = [
    Mutation(
        "sign", "lesson", 'save * test["stake"] - cost', 'cost - save * test["stake"]', "value of the calls", MEMBERS
    ),
    Mutation(
        "zero",  # members do not differ: the rate never falls
        MODELS,
        "np.asarray(period, dtype=float) - 1)\n\n\ndef sbg_survival",
        "0 * np.asarray(period, dtype=float))\n\n\ndef sbg_survival",
        "there after a year",
        MEMBERS,
    ),
    Mutation(
        "baseline",
        "lesson",
        "new = estimate.share(left[0], at_risk[0])",
        "new = estimate.share(left.sum(), at_risk.sum())",
        "first renewal",
        MEMBERS,
    ),
    Mutation(
        "baseline",  # one rate for everybody
        "lesson",
        'test["risk"] = model.predict_proba(test)[:, 1]',
        'test["risk"] = train["left"].mean()',
        "at stake",
        MEMBERS,
    ),
    Mutation("swapped", "lesson", '(lives["left"] == 1)', '(lives["left"] == 0)', "leavers in the life table", MEMBERS),
    Mutation(
        "period", "lesson", "np.arange(1, 13), lives", "np.arange(2, 14), lives", "leavers in the life table", MEMBERS
    ),
    Mutation("period", CHURN, ".lead().over(order)", ".lead(2).over(order)", RENEWAL),
    Mutation("window", SNAPSHOT, "RECENT_DAYS = 30", "RECENT_DAYS = 60", "months that differ in lessons_30", MEMBERS),
    Mutation("window", CHURN, "GRACE_DAYS = 7 ", "GRACE_DAYS = 0 ", "months that differ in left", MEMBERS),
    Mutation(  # behaviour counted to the month's end, for everybody who asks
        "leak",
        CHURN,
        'paid["start"])\n',
        'paid["end"])\n',
        "months that differ in lessons_30",
        MEMBERS,
    ),
    Mutation(  # what happened, though it had not arrived
        "leak",
        "lib/knowpay/people/known.py",
        "known_at=ibis.greatest(e.timestamp, e.received_at.fill_null(e.timestamp))",
        "known_at=e.timestamp",
        "months that differ in silent_days",
        MEMBERS,
    ),
    Mutation(
        "order", "lesson", "model.predict_proba(test)[:, 1]", "model.predict_proba(test)[:, 0]", "at stake", MEMBERS
    ),
    Mutation(  # the lesson's own: the model learns from months counted to their end
        "trap",
        "lesson",
        "train, test = churn.split_by_time(periods)",
        'train, test = churn.split_by_time(churn.facts(ds, periods, at=periods["end"]))',
        "months that differ in lessons_30",
        MEMBERS,
    ),
    Mutation(  # censored members counted as gone
        "trap",
        "lesson",
        '((paid == n) & (lives["left"] == 1)).sum()',
        "(paid == n).sum()",
        "leavers in the life table",
        MEMBERS,
    ),
    Mutation(  # open months counted as lost
        "trap",
        CHURN,
        "over = latest <= observation_end",
        "over = latest > paid['start']",
        "months that differ in left",
        MEMBERS,
    ),
    Mutation(  # whoever is kept is taken for an average member of her month
        "trap",
        MODELS,
        "sbg_hazard(self.alpha_ + 1, self.beta_,",
        "sbg_hazard(self.alpha_, self.beta_,",
        "tests/analyse/test_churn_models.py::test_whoever_is_kept_was_about_to_leave",
    ),
]
NOT_HERE: dict[str, str] = {}
