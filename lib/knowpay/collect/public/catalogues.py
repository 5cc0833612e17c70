"""Catalogues and ratings of course shops, as they are passed around on Kaggle: Udemy courses, Coursera reviews.

No person can be followed in either. How their columns become canonical ones: datasets/udemy.md, datasets/coursera.md.
"""

from knowpay.collect.public.base import File, PublicSet

UDEMY = PublicSet(
    name="udemy",
    title="Udemy Courses",
    folder="udemy_courses",
    source="https://www.kaggle.com/datasets/andrewmvd/udemy-courses",
    licence="none stated",
    citation="Udemy Courses. Kaggle data set andrewmvd/udemy-courses.",
    by_hand="Download udemy_courses.csv from https://www.kaggle.com/datasets/andrewmvd/udemy-courses (Kaggle asks for "
    "a registration) into a folder udemy_courses of the folder that KNOWPAY_DATA names.",
    files={"udemy_courses.csv": File("2848cb0830792f98085077b71fa06c90f3d79a1e8fc0ba8ab9225f02d3d85905", 3_678)},
    counts={
        "courses": (3_672, "SELECT count(DISTINCT course_id) FROM src_udemy_courses"),
        "paid, by row": (3_368, "SELECT count(*) FROM src_udemy_courses WHERE is_paid = 'True'"),
    },
    tables={
        "courses": """
            SELECT course_id AS product_id, course_title AS name, 'course' AS product_type, subject AS category,
                   CAST(price AS DECIMAL(18, 2)) AS price, 'USD' AS currency,
                   CAST(num_lectures AS BIGINT) AS lesson_count,
                   CAST(content_duration AS DOUBLE) * 3600 AS duration_seconds, level,
                   CAST(published_timestamp AS TIMESTAMPTZ) AS published_at,
                   json_object('is_paid', is_paid = 'True', 'subscribers', CAST(num_subscribers AS BIGINT),
                       'reviews', CAST(num_reviews AS BIGINT)) AS properties
            FROM src_udemy_courses"""
    },
    times="SELECT published_at FROM courses",
    manifest={
        "timezone": "UTC",
        "currency": "USD",
        "extracted_at": "2017-07-07T00:00:00+00:00",
        "lawful_basis_note": "a catalogue; no people",
        "constants": "the file has no currency, USD is taken; extracted_at is the day after the newest course, because "
        "the file does not say when its counters were read",
    },
)

COURSERA = PublicSet(
    name="coursera",
    title="Course reviews on Coursera",
    folder="coursera_reviews",
    source="https://www.kaggle.com/datasets/imuhammad/course-reviews-on-coursera",
    licence="none stated",
    citation="Course Reviews on Coursera. Kaggle data set imuhammad/course-reviews-on-coursera.",
    by_hand="Download Coursera_courses.csv and Coursera_reviews.csv from "
    "https://www.kaggle.com/datasets/imuhammad/course-reviews-on-coursera (Kaggle asks for a registration) into a "
    "folder coursera_reviews of the folder that KNOWPAY_DATA names.",
    files={
        "Coursera_courses.csv": File(columns=("name", "institution", "course_id")),
        "Coursera_reviews.csv": File(columns=("reviews", "date_reviews", "rating", "course_id")),
    },
    counts={"courses with reviews": (None, "SELECT count(DISTINCT course_id) FROM src_Coursera_reviews")},
    tables={
        "courses": """
            SELECT course_id AS product_id, min(name) AS name, 'course' AS product_type, 'unknown' AS category,
                   min(institution) AS brand, 0.00 AS price, 'USD' AS currency,
                   TIMESTAMPTZ '2012-04-18 00:00:00+00' AS published_at,
                   json_object('price_known', false, 'published_at_known', false) AS properties
            FROM src_Coursera_courses GROUP BY course_id""",
        # A reviewer is a name that many share, not an id: user_id stays empty, and the name is not read.
        "reviews": """
            SELECT md5(concat_ws('|', course_id, date_reviews, rating, reviews,
                       row_number() OVER (PARTITION BY course_id, date_reviews, rating, reviews))) AS review_id,
                   CAST(coalesce(try_strptime(date_reviews, '%b %d, %Y'), try_strptime(date_reviews, '%Y-%m-%d'))
                       AS TIMESTAMPTZ) AS timestamp,
                   course_id AS product_id, 'review' AS kind, TRY_CAST(rating AS DOUBLE) AS rating,
                   reviews AS review_body
            FROM src_Coursera_reviews""",
    },
    times="SELECT timestamp FROM reviews",
    manifest={
        "timezone": "UTC",
        "currency": "USD",
        "extracted_at": "2020-11-01T00:00:00+00:00",
        "lawful_basis_note": "public reviews; the reviewers' names are not read",
        "constants": "price is 0.00 and published_at 2012-04-18, the start of the platform: neither is in the files; "
        "category is unknown",
    },
)
