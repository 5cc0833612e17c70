"""What one could get wrong in 10b: which model to keep, and which question a score answers."""

from mutations import Company, Mutation

MODELS = "lib/knowpay/analyse/churn_models.py"
MEMBERS = Company(size="8000")
MUTATIONS = [
    Mutation(
        "order",
        "lesson",
        "churn_models.risks(plain, test)",
        "-churn_models.risks(plain, test)",
        "ranking by the plain model",
        MEMBERS,
    ),
    Mutation(
        "swapped",
        "lesson",
        'came, who = test["left"]',
        'came, who = 1 - test["left"]',
        "AUC of the plain model",
        MEMBERS,
    ),
    Mutation(  # the column that is written later goes into both models
        "leak",
        "lesson",
        "churn_models.risks(plain, test)",
        '1.0 * ds.memberships.to_pandas().set_index("membership_id").auto_renew.eq(False)[test.membership_id].values',
        "AUC of the plain model",
        MEMBERS,
    ),
    Mutation(
        "zero",  # members do not differ: the rate never falls
        MODELS,
        "np.asarray(period, dtype=float) - 1)\n\n\ndef sbg_survival",
        "0 * np.asarray(period, dtype=float))\n\n\ndef sbg_survival",
        "rate from month 3 on",
        MEMBERS,
    ),
    Mutation(
        "baseline",
        "lesson",
        'curve.hazard(later["period_no"]).mean()',
        'train["left"].mean()',
        "rate from month 3 on",
        MEMBERS,
    ),
    Mutation(  # the month that the curve speaks of: the first for all
        "period",
        "lesson",
        'middle = curve.hazard(later["period_no"]).mean()',
        "middle = curve.hazard(1)",
        "rate from month 3 on",
        MEMBERS,
    ),
]
NOT_HERE = {
    "sign": "nothing is subtracted but one AUC from another; the order of a ranking stands for it",
    "window": "its windows of time are those of lesson 10",
    "trap": "its trap is the leak in the list, and on real learners, which no company has",
}
