"""What one could get wrong in lesson 01."""

from mutations import Mutation

FAULTS = "lib/knowpay/collect/faults.py"
LESSON = "lib/knowpay_course/lessons/l01.py"
MONEY = "what the raw files are wrong by"

MUTATIONS = [
    # Only clocks that are behind are looked for.
    Mutation("sign", FAULTS, "typical.abs() > CLOCK", "typical > CLOCK", "rows of wrong clocks found"),
    Mutation(
        "sign",
        "lesson",
        'wrong_by = naive["revenue, yuan"] - clean["revenue, yuan"]',
        'wrong_by = clean["revenue, yuan"] - naive["revenue, yuan"]',
        MONEY,
    ),
    # Orders that wait are worth nothing, or were never made.
    Mutation("zero", "lesson", 'held = float(waiting["amount"].sum())', "held = 0.0", MONEY),
    Mutation("zero", "lesson", 'clean["orders"] + len(waiting)', 'clean["orders"]', "orders, counted and waiting"),
    # Those who can be followed are taken for everybody; every id is a visitor.
    Mutation("baseline", LESSON, "from_error(users * mean", "from_error(seen * mean", "sessions"),
    Mutation(
        "baseline",
        "lesson",
        '"visitors (devices)": people["anonymous_id"].nunique()',
        '"visitors (devices)": raw.nunique()',
        "visitors, repaired",
    ),
    Mutation(
        "swapped",
        FAULTS,
        '"skew": wrong_clocks, "late": late,',
        '"skew": late, "late": wrong_clocks,',
        "late rows that leave a trace",
    ),
    # Everybody but the machines is accused.
    Mutation(
        "swapped", FAULTS, "return events.loc[machine, ROW]", "return events.loc[~machine, ROW]", "bot rows found"
    ),
    # One decimal place too few when fen are made yuan.
    Mutation("period", FAULTS, "{True: 100, False: 1}", "{True: 10, False: 1}", MONEY),
    Mutation(
        "window",
        "lib/knowpay/collect/sessions.py",
        "GAP_SECONDS = 1_800",
        "GAP_SECONDS = 3_600",
        "tests/collect/test_sessions.py::test_half_an_hour_is_the_same_visit_and_a_moment_more_is_the_next",
    ),
    # The first arrival is called the copy.
    Mutation(
        "order",
        FAULTS,
        'order.duplicated("message_id")',
        'order.duplicated("message_id", keep="last")',
        "duplicate rows found",
    ),
    # Whoever denied analytics has a new id with every event: each would be a visitor.
    Mutation(
        "trap", "lesson", "people = people[~once]", "people = people[people.notna().any(axis=1)]", "visitors, repaired"
    ),
    # Bots leave no order but many visits.
    Mutation(
        "trap",
        "lesson",
        'people = people[~people["anonymous_id"].isin(bot_devices)]',
        "people = people[people.notna().any(axis=1)]",
        "events, repaired",
    ),
]
NOT_HERE = {"leak": "nothing is foreseen: every row is judged with all that had arrived"}
