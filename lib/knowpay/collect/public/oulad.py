"""OULAD: real distance learners of the Open University (UK) in 2013 and 2014.

Kuzilek J., Hlosta M., Zdrahal Z. (2017). Open University Learning Analytics dataset. Scientific Data 4:170171,
doi:10.1038/sdata.2017.171, CC BY 4.0. How its columns become canonical ones: datasets/oulad.md.
"""

from knowpay.collect.public.base import Archive, File, PublicSet

_CSV = "read_csv({path}, all_varchar = true, header = true, nullstr = '?', delim = ',', quote = '\"')"
PART = "studentVle.AAA-2013J_AAA-2014J_BBB-2013B.csv"


def _file(rows: int, sha256: str, instead_of: str | None = None) -> File:
    return File(sha256, rows, read=_CSV, instead_of=instead_of)


# Presentations B start in February, J in October; every day in OULAD counts from the start, which is day 0.
_SETUP = """
CREATE MACRO on_day(presentation, n) AS (CASE presentation
    WHEN '2013B' THEN DATE '2013-02-01' WHEN '2013J' THEN DATE '2013-10-01'
    WHEN '2014B' THEN DATE '2014-02-01' WHEN '2014J' THEN DATE '2014-10-01' END + CAST(n AS INTEGER)
    )::TIMESTAMP AT TIME ZONE 'Europe/London';
CREATE MACRO product(module, presentation) AS module || '-' || presentation;
"""
_TABLES = {
    "courses": """
        SELECT product(code_module, code_presentation) AS product_id, product_id AS name, 'course' AS product_type,
               code_module AS category, 0.00 AS price, 'GBP' AS currency, on_day(code_presentation, 0) AS published_at,
               json_object('code_module', code_module, 'code_presentation', code_presentation,
                   'module_presentation_length', CAST(module_presentation_length AS INTEGER)) AS properties
        FROM src_courses""",
    # A person's latest enrolment describes the person; what changes between enrolments is with the enrolment.
    "users": """
        SELECT id_student AS user_id,
               min(on_day(code_presentation, coalesce(date_registration, '0'))) AS created_at,
               arg_max(region, latest) AS province, arg_max(age_band, latest) AS age_band,
               arg_max(gender, latest) AS gender
        FROM (SELECT *, code_presentation || code_module AS latest FROM src_studentInfo
              JOIN src_studentRegistration USING (code_module, code_presentation, id_student))
        GROUP BY id_student""",
    "memberships": """
        SELECT product(code_module, code_presentation) || '-' || id_student AS membership_id, id_student AS user_id,
               product(code_module, code_presentation) AS plan_id, 1 AS period_no,
               CASE WHEN final_result = 'Withdrawn' THEN 'canceled' ELSE 'expired' END AS status,
               on_day(code_presentation, 0) AS current_period_start,
               on_day(code_presentation, module_presentation_length) AS current_period_end,
               'year' AS interval, 0.00 AS price, 'GBP' AS currency,
               on_day(code_presentation, date_unregistration) AS canceled_at,
               CASE WHEN final_result = 'Withdrawn' THEN canceled_at ELSE current_period_end END AS ended_at,
               CASE WHEN final_result = 'Withdrawn' THEN 'unknown' END AS cancel_reason,
               json_object('code_module', code_module, 'code_presentation', code_presentation,
                   'gender', gender, 'region', region, 'highest_education', highest_education,
                   'imd_band', imd_band, 'age_band', age_band,
                   'num_of_prev_attempts', CAST(num_of_prev_attempts AS INTEGER),
                   'studied_credits', CAST(studied_credits AS INTEGER), 'disability', disability,
                   'final_result', final_result, 'date_registration', CAST(date_registration AS INTEGER),
                   'date_unregistration', CAST(date_unregistration AS INTEGER),
                   'module_presentation_length', CAST(module_presentation_length AS INTEGER)) AS properties
        FROM src_studentInfo JOIN src_studentRegistration USING (code_module, code_presentation, id_student)
        JOIN src_courses USING (code_module, code_presentation)""",
    "events": """
        SELECT 'assessment-' || id_assessment || '-' || id_student AS message_id, 'lesson_completed' AS event,
               on_day(code_presentation, date_submitted) AS timestamp, id_student AS user_id,
               product(code_module, code_presentation) AS product_id, id_assessment AS lesson_id,
               CAST(score AS DOUBLE) / 100 AS score_scaled, 'web' AS platform,
               json_object('day', CAST(date_submitted AS INTEGER), 'assessment_type', assessment_type,
                   'due_day', CAST(date AS INTEGER), 'weight', CAST(weight AS DOUBLE), 'is_banked', is_banked = '1')
                   AS properties
        FROM src_studentAssessment JOIN src_assessments USING (id_assessment)""",
    # The click table repeats rows without saying why. All are kept: equal rows are numbered, and the number is in
    # the id.
    "events-clicks": """
        SELECT md5(concat_ws('|', code_module, code_presentation, id_student, id_site, date, sum_click,
                   row_number() OVER (PARTITION BY code_module, code_presentation, id_student, id_site, date, sum_click)
               )) AS message_id, 'page_viewed' AS event, on_day(code_presentation, date) AS timestamp,
               id_student AS user_id, product(code_module, code_presentation) AS product_id, 'web' AS platform,
               json_object('day', CAST(date AS INTEGER), 'clicks', CAST(sum_click AS INTEGER), 'site', id_site,
                   'activity', activity_type, 'id_derived', true) AS properties
        FROM src_studentVle LEFT JOIN src_vle USING (id_site, code_module, code_presentation)""",
}

OULAD = PublicSet(
    name="oulad",
    title="Open University Learning Analytics Dataset",
    folder="oulad",
    source="https://analyse.kmi.open.ac.uk/open-dataset",
    licence="CC BY 4.0",
    citation="Kuzilek J., Hlosta M., Zdrahal Z. (2017). Open University Learning Analytics dataset. Scientific Data "
    "4:170171. doi:10.1038/sdata.2017.171",
    archives=(
        Archive(
            "https://archive.ics.uci.edu/static/public/349/open+university+learning+analytics+dataset.zip",
            "f2ed1902616c1fe8d2824d872c0b7d2d72be435bf0124d077044fe4be2c6d3e4",
            46_748_244,
            unpacked=464_401_476,
        ),
    ),
    files={
        "courses.csv": _file(22, "4f16eee7454b15e109b0a21a0e43be820e6846ed6f9301bb7feb5ab5ad737a75"),
        "assessments.csv": _file(206, "9ce92381e4a0ac457f8e251b2eb2c179ed51e023ab30d1d671a0268bd62316ba"),
        "vle.csv": _file(6_364, "d7a146497edd0e47ef536144b58796c07b554002d3753e848b8e4cd8a56f4c38"),
        "studentInfo.csv": _file(32_593, "815fbc3e2de29f79900bc63f0345a35db62c9146afaa1d86e7107b8b3beffc60"),
        "studentRegistration.csv": _file(32_593, "bbc87a0de1fe2a9ec6decce1ca6c1a02cf17b54ad3bdcc673fc6413b41c61d47"),
        "studentAssessment.csv": _file(173_912, "b1839e17618a5de36b6d189a242d3123f7939a56c8c9ccef0c17b9199c614a6b"),
        "studentVle.csv": _file(10_655_280, "52668253d876c5becbcb72185977152700cecab2942aca807fecc3dd54b937f0"),
        PART: _file(753_564, "640c582b57e2f63d6028986d0de8a03e017b2a3ab637b47e9cb27bdcd26e5b9c", "studentVle.csv"),
    },
    counts={"people": (28_785, "SELECT count(DISTINCT id_student) FROM src_studentInfo")},
    setup=_SETUP,
    tables=_TABLES,
    times="SELECT created_at FROM users UNION ALL SELECT timestamp FROM events UNION ALL "
    """SELECT timestamp FROM "events-clicks" UNION ALL SELECT current_period_end FROM memberships""",
    manifest={
        "timezone": "Europe/London",
        "currency": "GBP",
        "extracted_at": "2017-11-28",  # day of the publication; the data end in 2015
        "lawful_basis_note": "anonymised by the Open University, published under CC BY 4.0",
    },
)
