"""What one could get wrong in lesson 04."""

from mutations import Company, Mutation

# Small, with messages that help nearly everybody.
LARGE = Company(seed=3, knobs=(("persuadables", 0.95),))
TOUCHES = "lib/knowpay/analyse/touches.py"
LESSON = "lib/knowpay_course/lessons/l04.py"
EFFECT, RATIO = "effect of a message", "log of how many times as often"
LEFT, DAYS, BID = "first paid month not renewed", "their purchase days", "what a new buyer may cost"

MUTATIONS = [
    Mutation(
        "sign",
        TOUCHES,
        "from_error(means[True] - means[False]",
        "from_error(means[False] - means[True]",
        EFFECT,
        LARGE,
    ),
    Mutation("sign", "lesson", 'own_left = ~first["user_id"]', 'own_left = first["user_id"]', LEFT, LARGE),
    Mutation("zero", LESSON, "from_error(math.log(ratio.value)", "from_error(0 * math.log(ratio.value)", RATIO, LARGE),
    # Nobody buys again: a buyer is worth one purchase.
    Mutation("baseline", "lesson", "ceiling = own_buying.mean() * purchase", "ceiling = purchase", BID, LARGE),
    Mutation("swapped", TOUCHES, 'message=rows["arm"] != CONTROL', 'message=rows["arm"] == CONTROL', EFFECT, LARGE),
    Mutation("period", "lesson", 'months["period_no"] == 2', 'months["period_no"] == 3', LEFT, LARGE),
    Mutation(
        "window",
        "lesson",
        "l04.first_days(l04.buying(ds), ds, 180)",
        "l04.first_days(l04.buying(ds), ds, 90)",
        DAYS,
        LARGE,
    ),
    Mutation("window", "lesson", "paid[nth < 180]", "paid[nth < 360]", BID, LARGE),
    Mutation("order", LESSON, "arms(rows).iloc[::-1]", "arms(rows)", RATIO, LARGE),
    # A selection that nobody mentions: only those who bought twice.
    Mutation(
        "trap",
        "lesson",
        'l04.first_days(l04.buying(ds), ds, 180)["days"]',
        'l04.first_days(l04.buying(ds), ds, 180)["days"].loc[lambda days: days >= 2]',
        "buyers watched for 180 days",
        LARGE,
    ),
    # Whose span is cut by the end of the records is counted with it.
    Mutation(
        "trap",
        LESSON,
        "[first + pd.Timedelta(days=span) <= until]",
        "[first <= until]",
        "buyers watched for 180 days",
        LARGE,
    ),
    # Months that are not over count as not renewed.
    Mutation(
        "trap",
        "lesson",
        '(months["period_no"] == 1) & (months["current_period_end"] <= ds.observation_end)',
        'months["period_no"] == 1',
        LEFT,
        LARGE,
    ),
    # A page that was loaded twice is two purchases.
    Mutation(
        "trap", "lesson", 'drop_duplicates(["user_id", "product_id"])', 'drop_duplicates(["order_id"])', BID, LARGE
    ),
]
NOT_HERE = {"leak": "nothing of the company is foreseen; the column that knows the end is one of OULAD"}
