"""What one could get wrong in lesson 10: who leaves, when, and what a call is worth."""

from mutations import Company, Mutation

CHURN, MODELS = "lib/knowpay/analyse/churn.py", "lib/knowpay/analyse/churn_models.py"
RENEWAL = "tests/analyse/test_churn.py::test_who_has_left"
SNAPSHOT = "lib/knowpay/people/snapshot.py"
MEMBERS = Company(size="8000")
FEW_LEAVE = Company(size="8000", seed=4, knobs=(("churn", 0.3),))  # the list is a small part of the members
MANY_LEAVE = Company(size="8000", seed=7, knobs=(("churn", 0.6),))  # behaviour adds what can be told from nothing
MUTATIONS = [
    Mutation(
        "sign", "lesson", "(save * stake.value - cost,", "(cost - save * stake.value,", "worth of the list", FEW_LEAVE
    ),
    Mutation(
        "zero",  # members do not differ: the rate never falls
        MODELS,
        "np.asarray(period, dtype=float) - 1)\n\n\ndef sbg_survival",
        "0 * np.asarray(period, dtype=float))\n\n\ndef sbg_survival",
        "a year",
        MEMBERS,
    ),
    Mutation(
        "baseline",
        "lesson",
        "new = estimate.share(left[0], at_risk[0])",
        "new = estimate.share(left.sum(), at_risk.sum())",
        "leave after month 1",
        MEMBERS,
    ),
    Mutation(
        "baseline",  # one rate for everybody
        "lesson",
        'test["with behaviour"] = model.predict_proba(test)[:, 1]',
        'test["with behaviour"] = train["left"].mean()',
        "highest fifth",
        Company(size="standard"),  # with fewer members the fifths cannot be told from it
    ),
    Mutation("swapped", "lesson", '(lives["left"] == 1)', '(lives["left"] == 0)', "leavers in the life table", MEMBERS),
    Mutation(
        "period", "lesson", "np.arange(1, 13), lives", "np.arange(2, 14), lives", "leavers in the life table", MEMBERS
    ),
    Mutation("period", "lesson", "loyal = month >= 4", "loyal = month >= 3", "leavers from month 4 on", MEMBERS),
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
        "order", "lesson", "model.predict_proba(test)[:, 1]", "model.predict_proba(test)[:, 0]", "lowest fifth", MEMBERS
    ),
    Mutation(  # those called who are not worth it
        "order",
        "lesson",
        "called = save * stakes[0] > cost",
        "called = save * stakes[0] < cost",
        "calls this month",
        FEW_LEAVE,
    ),
    Mutation(  # what calls to the others would bring
        "swapped",
        "lesson",
        "l10.mean_over(stakes[:, called]",
        "l10.mean_over(stakes[:, ~called]",
        "worth of the list",
        FEW_LEAVE,
    ),
    Mutation(  # per 1,000 called, said to be per 1,000 members
        "baseline",
        "lib/knowpay_course/lessons/l10.py",
        "a_call * (1000 * called.mean() if",
        "a_call * (1000 if",
        "tests/course/lessons/test_l10.py::test_the_worth_of_a_list_is_that_of_its_calls_and_told_per_member",
    ),
    Mutation(  # the cost of a call held against the stake of all
        "baseline",
        "lesson",
        "l10.break_even(cost, stake)",
        "l10.break_even(cost, stake * len(to_call))",
        "break-even",
        FEW_LEAVE,
    ),
    Mutation(
        "swapped",
        "lesson",
        'gain(came, test["with behaviour"], test["month alone"], who)',
        'gain(came, test["month alone"], test["with behaviour"], who)',
        "gain of behaviour",
        MANY_LEAVE,
    ),
    Mutation(  # behaviour decides though it has not shown that it adds
        "baseline",
        "lesson",
        "decides = ways[gain.low > 0]",
        "decides = ways[gain.high > 0]",
        "decided against the rule",
        MEMBERS,
    ),
    Mutation(  # the leak that is none
        "trap",
        "lesson",
        'late = churn.facts(ds, periods, at=periods["end"])',
        'late = churn.facts(ds, periods, at=periods["start"])',
        "months that differ at the end",
        MEMBERS,
    ),
    Mutation(  # the months with a note count, those without do not
        "swapped",
        "lib/knowpay_course/lessons/l10.py",
        '(pairs["variation_id"] == "control")',
        '(pairs["variation_id"] != "control")',
        "tests/course/lessons/test_l10.py::test_months_are_weighed_as_if_no_note_had_been_sent",
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
