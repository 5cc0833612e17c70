"""KDD Cup 2015: who drops out of the 39 courses of XuetangX within ten days.

The training part of the challenge, https://moocdata.cn/challenges/kdd-cup-2015. How its columns become canonical
ones: datasets/kddcup2015.md.
"""

from knowpay.collect.public.base import File, PublicSet

_TRUTH = "read_csv({path}, all_varchar = true, header = false, names = ['enrollment_id', 'dropout'])"

KDDCUP2015 = PublicSet(
    name="kddcup2015",
    title="KDD Cup 2015, XuetangX drop-out, training part",
    folder="kddcup2015",
    source="http://moocdata.cn/challenges/kdd-cup-2015",
    licence="none stated",
    citation="KDD Cup 2015: Predicting dropouts in MOOC. XuetangX and ACM SIGKDD.",
    by_hand="Save enrollment_train.csv, log_train.csv, truth_train.csv, object.csv and date.csv of the challenge "
    "(http://moocdata.cn/challenges/kdd-cup-2015; the site asks for a registration) in a folder kddcup2015 of the "
    "folder that KNOWPAY_DATA names.",
    files={
        "date.csv": File(rows=39, columns=("course_id", "from", "to")),
        "object.csv": File(columns=("course_id", "module_id", "category", "children", "start")),
        "enrollment_train.csv": File(rows=120_542, columns=("enrollment_id", "username", "course_id")),
        "truth_train.csv": File(rows=120_542, read=_TRUTH),
        "log_train.csv": File(rows=8_157_277, columns=("enrollment_id", "time", "source", "event", "object")),
    },
    counts={"people": (79_186, "SELECT count(DISTINCT username) FROM src_enrollment_train")},
    setup="""
        CREATE MACRO day(text) AS CAST(CAST(text AS DATE) AS TIMESTAMPTZ);
        CREATE MACRO after(text) AS CAST(CAST(text AS DATE) + 1 AS TIMESTAMPTZ);""",
    tables={
        "courses": """
            SELECT course_id AS product_id, course_id AS name, 'course' AS product_type, 'unknown' AS category,
                   0.00 AS price, 'CNY' AS currency, day("from") AS published_at, after("to") AS retired_at,
                   (SELECT count(DISTINCT module_id) FROM src_object o
                    WHERE o.course_id = d.course_id AND category = 'video') AS lesson_count
            FROM src_date d""",
        "users": """
            SELECT username AS user_id, least(min(CAST(time AS TIMESTAMPTZ)), min(day("from"))) AS created_at,
                   json_object('created_at_known', false) AS properties
            FROM src_enrollment_train JOIN src_date USING (course_id) LEFT JOIN src_log_train USING (enrollment_id)
            GROUP BY username""",
        # Nobody cancels: the label says that the ten days after the course's window have no event.
        "memberships": """
            SELECT enrollment_id AS membership_id, username AS user_id, course_id AS plan_id, 1 AS period_no,
                   CASE WHEN dropout = '1' THEN 'canceled' ELSE 'expired' END AS status,
                   day("from") AS current_period_start, after("to") AS current_period_end, 'month' AS interval,
                   0.00 AS price, 'CNY' AS currency,
                   CASE WHEN dropout = '1' THEN 'unknown' END AS cancel_reason,
                   json_object('dropout', dropout = '1') AS properties
            FROM src_enrollment_train JOIN src_truth_train USING (enrollment_id) JOIN src_date USING (course_id)""",
        # The log has no ids and may repeat a row within a second: equal rows are numbered, the number is in the id.
        "events": """
            SELECT md5(concat_ws('|', enrollment_id, time, source, event, object,
                       row_number() OVER (PARTITION BY enrollment_id, time, source, event, object))) AS message_id,
                   CASE event WHEN 'video' THEN 'lesson_started' WHEN 'page_close' THEN 'page_closed'
                        ELSE 'page_viewed' END AS event,
                   CAST(time AS TIMESTAMPTZ) AS timestamp, username AS user_id, course_id AS product_id,
                   object AS lesson_id,
                   CASE source WHEN 'server' THEN 'server' ELSE 'web' END AS platform,
                   json_object('kind', event, 'category', category, 'enrollment_id', enrollment_id, 'id_derived', true)
                       AS properties
            FROM src_log_train JOIN src_enrollment_train USING (enrollment_id)
            LEFT JOIN (SELECT module_id, min(category) AS category FROM src_object GROUP BY 1) ON module_id = object""",
    },
    times='SELECT timestamp FROM events UNION ALL SELECT day("from") FROM src_date UNION ALL '
    'SELECT day("to") FROM src_date',
    manifest={
        "timezone": "Asia/Shanghai",  # the publisher does not say; the platform's own
        "currency": "CNY",
        "extracted_at": "2015-05-01",  # the data were handed out in May 2015
        "lawful_basis_note": "pseudonymous ids, handed out by the platform for the challenge",
        "constants": "created_at is the first event, or the start of the course where earlier; category is unknown; "
        "everything is free of charge",
    },
)
