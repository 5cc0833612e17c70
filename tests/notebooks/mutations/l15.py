"""What one could get wrong in lesson 15."""

from mutations import Company, Mutation

LARGE = Company(knobs=(("persuadables", 0.95),))
TOUCHES, PROTOCOL = "lib/knowpay/analyse/touches.py", "lib/knowpay/train/protocol.py"
ADDED, TOWERS = "from_error(means[True] - means[False]", 'scores["two-tower"] = model.predict(cut.x, profile)'
POPULAR = 'scores["two-tower"] = np.broadcast_to(scores["popular"], cut.x.shape).astype(float)'
DIRECT = "1000 * (lead - mean(gain, own & ~told) + mean(gain, ~told))"
MUTATIONS = [
    Mutation("sign", "lesson", "weights = -inverse /", "weights = inverse /", "pages, EASE + own", LARGE),
    Mutation(
        "zero", TOUCHES, ADDED, "from_error(means[True] - means[True]", "effect of the message on everybody", LARGE
    ),
    Mutation("baseline", "lesson", TOWERS, POPULAR, "pages, two-tower", LARGE),
    Mutation(
        "swapped",  # everybody gets the list of another person
        "lesson",
        'scores["EASE"] = cut.x @ ease(cut.x, penalty)',
        'scores["EASE"] = cut.x[::-1] @ ease(cut.x, penalty)',
        "pages, EASE + own",
        LARGE,
    ),
    Mutation(
        "period",
        PROTOCOL,
        "own[part] = 1 + (",
        "own[part] = (",
        "tests/train/test_protocol.py::test_places_are_those_of_the_lists_of_that_day",
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
        "lib/knowpay/train/recommender.py",
        "    before = neighbours.interest(ds, until=at)\n    after",
        "    before = neighbours.interest(ds, until=end)\n    after",
        "pages on the ten of EASE + own",
        LARGE,
    ),
    Mutation(
        "order",
        "lesson",
        'scores["EASE + own"] = scores["EASE"] + own',
        'scores["EASE + own"] = -scores["EASE"] + own',
        "pages, EASE + own",
        LARGE,
    ),
    Mutation(
        "trap",
        "lesson",
        "model = two_tower.TwoTower(seed=seed)",
        "model = two_tower.TwoTower(corrected=False, seed=seed)",
        "pages, two-tower",
        LARGE,
    ),
    Mutation("trap", PROTOCOL, DIRECT, "1000 * lead", "own ten minus everybody, per 1,000", LARGE),
]
NOT_HERE: dict[str, str] = {}
