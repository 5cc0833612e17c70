"""What a lesson needs is counted as its rooms learn from it: data that pass do not stop the lesson later."""

from types import MappingProxyType

import knowpay
import pandas as pd
import pytest
from knowpay.analyse import churn
from knowpay.collect import TooLittleData, needs
from knowpay.derive import evidence
from knowpay.operate import campaign
from knowpay.train import recommender
from knowpay_course.lesson import lessons
from knowpay_course.lessons import l02

CAMPAIGNS = """campaign_id IN (SELECT campaign_id FROM all_touches WHERE assignment IN ('randomised', 'stratified')
    AND creative IS NOT NULL GROUP BY 1 ORDER BY min(assigned_at) LIMIT {} OFFSET {})"""
LESSON = {lesson.number: lesson for lesson in lessons()}


MOMENTS = {
    "users": "created_at",
    "events": "timestamp",
    "orders": "timestamp",
    "memberships": "current_period_start",
    "touches": "assigned_at",
}


@pytest.fixture
def company():
    """Open world:small with some rows only: company(orders="total > 50"); with end=0.6 it is seen for 60 % of the time.

    `all_TABLE` has the other rows too.
    """

    def make(end: float = 1, **kept: str):
        ds = knowpay.open("world:small")
        until = (ds.observation_start + end * (ds.observation_end - ds.observation_start)).floor("D")
        if end < 1:
            ds.manifest = MappingProxyType({**ds.manifest, "observation_end": until.isoformat()})
        for table, moment in MOMENTS.items():
            where = f"{moment} < '{until.isoformat()}'::TIMESTAMPTZ AND {kept.get(table, 'true')}"
            if end < 1 or table in kept:
                ds.con.raw_sql(f"CREATE TABLE all_{table} AS SELECT * FROM {table}")
                ds.con.raw_sql(f"CREATE OR REPLACE VIEW {table} AS SELECT * FROM all_{table} WHERE {where}")
        return ds

    return make


def numbers(analysis, check):
    """The numbers that a check is given for an analysis in needs.yml."""

    def every(needs):
        for need in needs:
            yield from every(need) if isinstance(need, list) else [need]

    return next(need for need in every(needs.analyses()[analysis]["needs"]) if need.get("check") == check)


def test_every_lesson_needs_something_and_the_usual_company_passes_them_all(company):
    assert {key for lesson in LESSON.values() for key in lesson.needs} == set(needs.analyses())
    assert all(lesson.needs for lesson in LESSON.values())
    unlocked = company().unlocks().set_index("lesson")
    assert list(unlocked.index) == [lesson.name for lesson in LESSON.values()]
    assert unlocked.loc[~unlocked["unlocked"], "reason"].to_dict() == {}


def test_the_amount_of_data_is_counted_for_every_analysis(company):
    ds = company()
    amounts = {key: needs.amount(ds, key) for key in needs.analyses()}
    assert all(amounts.values()) and amounts["profiles"] == 2_000
    assert (
        amounts["targeting"]
        == ds.con.con.execute("""SELECT count(*) FROM touches
        WHERE assignment IN ('randomised', 'stratified') AND propensity IS NOT NULL""").fetchone()[0]
    )


@pytest.mark.parametrize(
    ("few", "said"),
    [
        ({"touches": CAMPAIGNS.format(2, 10)}, "2 campaigns were drawn by lot"),
        ({"touches": CAMPAIGNS.format(3, 12)}, "bought 2 times in the poorer arm; 3 campaigns and 5 purchases"),
        ({"touches": CAMPAIGNS.format(8, 12)}, ""),
        ({"touches": "assignment = 'cluster_randomised'"}, "0 campaigns were drawn by lot"),
        ({"touches": "assignment = 'rule'"}, "add the column propensity"),
        ({"touches": "false"}, "add the table touches"),
        ({"orders": "timestamp < '2025-06-01'"}, "in the last third of the campaigns nobody who was written to bought"),
    ],
    ids=["two", "few purchases", "enough", "clusters", "rules", "none", "no later purchase"],
)
def test_campaigns_are_counted_as_lessons_12_and_18_learn_from_them(company, few, said):
    ds = company(**few)
    for lesson, load in (("12", evidence.load), ("18", campaign.evidence)):
        found = needs.missing(ds, LESSON[lesson].needs)
        assert said in found and bool(said) == bool(found)
        if not said:
            assert len(load(ds)) > 1_000
        elif lesson == "12":
            with pytest.raises(TooLittleData):
                load(ds)


def test_a_promoted_course_without_a_price_is_said(company):
    ds = company()
    ds.con.raw_sql("CREATE TABLE all_courses AS SELECT * FROM courses")
    ds.con.raw_sql("CREATE OR REPLACE VIEW courses AS SELECT * REPLACE (NULL::DOUBLE AS price) FROM all_courses")
    assert "add the column creative to touches" in needs.missing(ds, ["targeting"])
    ds.con.raw_sql("""CREATE OR REPLACE VIEW courses AS SELECT * FROM all_courses
        WHERE product_id <> (SELECT min(creative) FROM touches WHERE assignment = 'randomised')""")
    until = (ds.observation_end - pd.Timedelta(days=14)).isoformat()
    ((n,),) = ds.con.con.execute(f"""SELECT count(*) FROM touches
        WHERE creative = (SELECT min(creative) FROM touches WHERE assignment = 'randomised')
        AND assignment IN ('randomised', 'stratified') AND assigned_at <= '{until}'::TIMESTAMPTZ
        AND user_id IN (SELECT user_id FROM may_personal WHERE reason = '')""").fetchall()
    assert needs.missing(ds, ["campaign"]).startswith(f"{n:,} touches drawn by lot promote a course without a price")


def test_an_inviter_who_is_no_user_is_said_before_lesson_02_follows_him(company):
    ds = company(users="user_id <> (SELECT max(referrer_user_id) FROM all_users)")
    assert "referrer_user_id that is no user" in needs.missing(ds, ["referral"])
    with pytest.raises(TooLittleData, match="is no user; add the row or drop the id"):
        l02.generations(ds.users.to_pandas().set_index("user_id")["referrer_user_id"])


@pytest.mark.parametrize("part", [1, 2, 4, 8])
def test_months_are_counted_as_lesson_10_splits_them(company, part):
    ds = company(memberships=f"hash(user_id) % {part} = 0")
    train, test = churn.split_by_time(churn.person_periods(ds))
    counts = [int((side["left"] == left).sum()) for side in (train, test) for left in (1, 0)]
    said = needs.missing(ds, ["renewals"])
    assert bool(said) == (min(counts) < numbers("renewals", "renewals")["months"])
    if said:
        before, after = (
            "{} before it were not renewed and {} were".format(*counts),
            "{} and {} after".format(*counts[2:]),
        )
        assert before in said and after in said


@pytest.mark.parametrize(("end", "part"), [(1, 1), (0.3, 6), (0.08, 1)])
def test_pairs_are_counted_as_lesson_15_cuts_them(company, end, part):
    ds, asked = company(end, events=f"user_id IS NULL OR hash(user_id) % {part} = 0"), numbers("recommender", "taste")
    said = needs.missing(ds, ["recommender"])
    try:
        pairs = recommender.split(ds, needs.cut_at(ds, asked["line"])).x.nnz
    except TooLittleData as reason:
        pairs = int(str(reason).split()[1])
    assert f"{pairs:,} pairs" in said if said else pairs >= asked["pairs"]


def test_lesson_15_cuts_where_its_need_does(company):
    source = LESSON["15"].source.read_text("utf-8")
    line = next(row for row in source.splitlines() if row.startswith("line = "))
    space = {"ds": company()}
    exec(line, space)
    cut = needs.cut_at(space["ds"], numbers("recommender", "taste")["line"])
    assert space["line"] == cut and isinstance(space["line"], pd.Timestamp)
