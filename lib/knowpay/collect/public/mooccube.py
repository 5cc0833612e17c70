"""MOOCCube: enrolments and dated video views of XuetangX, a Chinese MOOC platform. Here a subset, and the full archive.

Yu J. et al. (2020). MOOCCube: A large-scale data repository for NLP applications in MOOCs. ACL 2020, 3135-3142, CC0.
The subset: 4,723 selected learners with two enrolments or more, without dates; the views of 1,713 of them have dates.
How their columns become canonical ones: datasets/mooccube.md and datasets/mooccubex.md.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowpay.collect.local import published
from knowpay.collect.public.base import File, PublicSet

if TYPE_CHECKING:
    import pandas as pd

CITATION = (
    "Yu J. et al. (2020). MOOCCube: A Large-scale Data Repository for NLP Applications in MOOCs. Proceedings of ACL "
    "2020, 3135-3142."
)
LAUNCH = "2013-10-10"  # XuetangX goes online: the earliest that anything can have happened; stands for "not known"
_PUBLISHED = "2020-07-05"  # opening day of ACL 2020; no enrolment has an end, so it is open on that day
_SPACES = "read_csv({path}, all_varchar = true, header = true, delim = ' ')"
_TABS = "read_csv({path}, all_varchar = true, header = true, delim = '\t')"

MOOCCUBE = PublicSet(
    name="mooccube",
    title="MOOCCube, subset",
    folder="mooccube_subset",
    source="https://github.com/thukg/MOOCCube",
    licence="CC0 1.0",
    citation=CITATION,
    by_hand="Save course.csv, rel_user_course.csv, rel_course_video.csv, user_video_timestamped.tsv, "
    "user_video_user_map.txt and user_video_video_map.txt (from the public repository tlGsensei/resource-recommend, "
    "which took them from MOOCCube) in a folder mooccube_subset of the folder that KNOWPAY_DATA names.",
    files={
        "course.csv": File("5d0b46e346417a0ebd12cbb9f16ee252d78933629c1d1b83c269b4531f53dbae", 706),
        "rel_user_course.csv": File("ff5377bbeb7f8fc2b6f0a7b5459712baebeaf9b08c5ca44508fbbf59cdfdd09d", 24_933),
        "rel_course_video.csv": File("03b63f52b5372221e6946f17c245e85c8ffe714aeeb059956bf4ac4e47fedfd9", 1_591),
        "user_video_timestamped.tsv": File(
            "e5926f838f75b1e5e75357af067fe0a1d797b9e0d996a5cd40f325b2a733757f", 126_131, read=_TABS
        ),
        "user_video_user_map.txt": File(
            "b12ee2f4fea4316e957503eb68d7993b2119539ef046b696508bb9aae6269032", 1_713, read=_SPACES
        ),
        "user_video_video_map.txt": File(
            "b78f94081d754ec83b482b87b290d105a5e2d65b58d727be9e7a25c66f6a26f7", 1_202, read=_SPACES
        ),
    },
    counts={
        "people": (4_723, "SELECT count(DISTINCT start_id) FROM src_rel_user_course"),
        "people with dated views": (1_713, 'SELECT count(DISTINCT "user_id:token") FROM src_user_video_timestamped'),
    },
    setup=f"""
        CREATE MACRO school(run) AS split_part(replace(run, 'C_course-v1:', ''), '+', 1);
        CREATE MACRO launch() AS TIMESTAMPTZ '{LAUNCH} 00:00:00+08';""",
    tables={
        "courses": """
            SELECT id AS product_id, name, 'course' AS product_type, 'unknown' AS category, school(id) AS brand,
                   0.00 AS price, 'CNY' AS currency, launch() AS published_at,
                   (SELECT count(*) FROM src_rel_course_video WHERE start_id = id) AS lesson_count,
                   json_object('course', school(id) || ' ' || trim(name), 'published_at_known', false) AS properties
            FROM src_course""",
        "users": """
            SELECT start_id AS user_id, coalesce(min(first), launch()) AS created_at,
                   json_object('created_at_known', false) AS properties
            FROM src_rel_user_course LEFT JOIN (
                SELECT org_user_id, to_timestamp(min("timestamp:float"::BIGINT)) AS first
                FROM src_user_video_timestamped JOIN src_user_video_user_map ON "user_id:token" = new_user_id GROUP BY 1
            ) ON start_id = org_user_id GROUP BY start_id""",
        "memberships": f"""
            SELECT start_id || '|' || end_id AS membership_id, start_id AS user_id, end_id AS plan_id, 1 AS period_no,
                   'active' AS status, launch() AS current_period_start,
                   TIMESTAMPTZ '{_PUBLISHED} 00:00:00+08' AS current_period_end, 'year' AS interval, 0.00 AS price,
                   'CNY' AS currency, json_object('dates_known', false) AS properties
            FROM src_rel_user_course""",
        # A video of two runs counts for the run that the viewer is enrolled in. The same viewer, video and second is
        # the same view sent twice: equal ids, and the door keeps one.
        "events": """
            SELECT md5(concat_ws('|', org_user_id, org_video_id, "timestamp:float")) AS message_id,
                   'lesson_started' AS event, to_timestamp("timestamp:float"::BIGINT) AS timestamp,
                   org_user_id AS user_id, coalesce(own, first) AS product_id, org_video_id AS lesson_id,
                   json_object('id_derived', true, 'enrolled', own IS NOT NULL) AS properties
            FROM src_user_video_timestamped
            JOIN src_user_video_user_map ON "user_id:token" = new_user_id
            JOIN src_user_video_video_map ON "item_id:token" = new_video_id
            LEFT JOIN (SELECT end_id AS video, min(start_id) AS first FROM src_rel_course_video GROUP BY 1) AS a
                ON a.video = org_video_id
            LEFT JOIN (SELECT v.end_id AS video, u.start_id AS viewer, min(v.start_id) AS own
                       FROM src_rel_course_video v JOIN src_rel_user_course u ON u.end_id = v.start_id
                       GROUP BY 1, 2) AS o
                ON o.video = org_video_id AND o.viewer = org_user_id""",
    },
    times="SELECT timestamp FROM events",
    manifest={
        "timezone": "Asia/Shanghai",
        "currency": "CNY",
        "extracted_at": _PUBLISHED,
        "lawful_basis_note": "pseudonymous ids, published under CC0; nicknames are not in these files",
        "constants": f"created_at, published_at and the start of enrolments stand at {LAUNCH} where not known, the end "
        f"of enrolments at {_PUBLISHED}; category is unknown; everything is free of charge",
    },
)


def _xuetangx(name: str, title: str, course: str, **fields) -> PublicSet:
    """The two archives of XuetangX have one form: entities/user.json with the courses of a learner, and course.json.

    `course` is SQL for lesson_count and category. Names, schools and years of birth of the learners are not read.
    """
    until = fields.pop("until")
    return PublicSet(
        name=name,
        title=title,
        setup=f"""
            CREATE MACRO launch() AS TIMESTAMPTZ '{LAUNCH} 00:00:00+08';
            CREATE MACRO course(id) AS CASE WHEN starts_with(id, 'C_') THEN id ELSE 'C_' || id END;""",
        tables={
            "courses": f"""
                SELECT id AS product_id, name, 'course' AS product_type, {course}, 0.00 AS price, 'CNY' AS currency,
                       launch() AS published_at, json_object('published_at_known', false) AS properties
                FROM src_course""",
            "users": """
                SELECT id AS user_id, gender,
                       coalesce(list_min(list_transform(enroll_time, lambda t: TRY_CAST(t AS TIMESTAMPTZ))), launch())
                           AS created_at,
                       json_object('created_at_known', false) AS properties
                FROM src_user""",
            "memberships": f"""
                SELECT concat_ws('|', id, plan, row_number() OVER (PARTITION BY id, plan ORDER BY enrolled))
                           AS membership_id, id AS user_id, plan AS plan_id, 1 AS period_no, 'active' AS status,
                       CAST(enrolled AS TIMESTAMPTZ) AS current_period_start,
                       TIMESTAMPTZ '{until} 00:00:00+08' AS current_period_end, 'year' AS interval, 0.00 AS price,
                       'CNY' AS currency, json_object('end_known', false) AS properties
                FROM (SELECT id, course(unnest(course_order)) AS plan, unnest(enroll_time) AS enrolled
                      FROM src_user)""",
        },
        times="SELECT current_period_start FROM memberships",
        manifest={
            "timezone": "Asia/Shanghai",  # the publisher does not say; the platform's own
            "currency": "CNY",
            "extracted_at": until,
            "lawful_basis_note": "pseudonymous ids, published by the platform; names are not read",
            "constants": f"published_at of courses, and created_at of learners without a course, stand at {LAUNCH}; "
            f"enrolments end at {until}; everything is free of charge",
        },
        **fields,
    )


def _json(columns: str) -> str:
    """JSON, one object a line, with these columns; `auto` also reads one array."""
    return f"read_json({{path}}, format = 'auto', maximum_object_size = 268435456, columns = {{{columns}}})"


_USER = _json("id: 'VARCHAR', gender: 'VARCHAR', course_order: 'VARCHAR[]', enroll_time: 'VARCHAR[]'")
_COUNTS = {
    "people": "SELECT count(DISTINCT id) FROM src_user",
    "enrolments": "SELECT sum(len(course_order)) FROM src_user",
}

MOOCCUBE_FULL = _xuetangx(
    "mooccube-full",
    "MOOCCube, full archive",
    "len(video_order) AS lesson_count, 'unknown' AS category",
    until=_PUBLISHED,
    folder="mooccube",
    source="https://github.com/thukg/MOOCCube",
    licence="CC0 1.0",
    citation=CITATION,
    by_hand="Download http://lfs.aminer.cn/misc/moocdata/data/MOOCCube.zip, and put entities/course.json and "
    "entities/user.json of it into a folder mooccube of the folder that KNOWPAY_DATA names.",
    files={
        "course.json": File(rows=706, read=_json("id: 'VARCHAR', name: 'VARCHAR', video_order: 'VARCHAR[]'")),
        "user.json": File(read=_USER),
    },
    counts={label: (None, sql) for label, sql in _COUNTS.items()},
)

MOOCCUBEX = _xuetangx(
    "mooccubex",
    "MOOCCubeX",
    "len(list_filter(resource, lambda r: r ->> 'resource_type' = 'video')) AS lesson_count, "
    "coalesce(field[1], 'unknown') AS category, field AS tags",
    until="2021-11-01",  # CIKM 2021, where it was published
    folder="mooccubex",
    source="https://github.com/THU-KEG/MOOCCubeX",
    licence="GPL-3.0, as users of it state; the publisher's licence file was not at hand",
    citation="Yu J. et al. (2021). MOOCCubeX: A Large Knowledge-centered Repository for Adaptive Learning in MOOCs. "
    "Proceedings of CIKM 2021, 4643-4652.",
    by_hand="Download https://lfs.aminer.cn/misc/moocdata/data/mooccube2/entities/course.json (43 MB) and "
    "https://lfs.aminer.cn/misc/moocdata/data/mooccube2/entities/user.json (770 MB) into a folder mooccubex of the "
    "folder that KNOWPAY_DATA names.",
    files={
        "course.json": File(
            rows=4_216, read=_json("id: 'VARCHAR', name: 'VARCHAR', field: 'VARCHAR[]', resource: 'JSON[]'")
        ),
        "user.json": File(read=_USER),
    },
    counts={"people": (3_330_294, _COUNTS["people"]), "enrolments": (None, _COUNTS["enrolments"])},
)


@dataclass(frozen=True)
class MoocCube:
    """`runs`: run, course, name, school; `enrolments`: user_id, run, course; `views`: user_id, course, first (UTC), n.

    `course` is what the runs of one course have in common: school and name.
    """

    runs: pd.DataFrame
    enrolments: pd.DataFrame
    views: pd.DataFrame


def open_mooccube() -> MoocCube:
    """Read five files of the subset, merge the runs of one course, and map views to courses (of two courses: to both).

    Raises:
        DownloadError: a file is not here or is not the published one.
    """
    import pandas as pd

    runs = _table("course.csv").rename(columns={"id": "run"})
    runs["school"] = runs["run"].str.removeprefix("C_course-v1:").str.split("+").str[0]
    runs["course"] = runs["school"] + " " + runs["name"].str.strip()
    enrolments = _table("rel_user_course.csv").set_axis(["user_id", "run"], axis=1)
    enrolments = enrolments.merge(runs[["run", "course"]], on="run")
    videos = _table("rel_course_video.csv").set_axis(["run", "video"], axis=1).merge(runs, on="run")
    numbers = _table("user_video_video_map.txt", " ").set_axis(["video", "number"], axis=1)
    courses = videos.merge(numbers, on="video")[["number", "course"]].drop_duplicates()
    views = _table("user_video_timestamped.tsv", "\t").set_axis(["user_id", "number", "second"], axis=1)
    views = views.drop_duplicates().merge(courses, on="number").groupby(["user_id", "course"], as_index=False)
    views = views.agg(first=("second", "min"), n=("second", "size"))
    views = views.assign(user_id=views["user_id"].astype(str), first=pd.to_datetime(views["first"], unit="s", utc=True))
    return MoocCube(runs, enrolments, views)


def _table(file: str, separator: str = ",") -> pd.DataFrame:
    import pandas as pd

    source = "the public repository tlGsensei/resource-recommend, from MOOCCube"
    content = published(MOOCCUBE.folder, file, MOOCCUBE.files[file].sha256, source)
    return pd.read_csv(io.BytesIO(content), sep=separator)
