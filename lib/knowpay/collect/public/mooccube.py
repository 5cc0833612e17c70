"""A subset of MOOCCube: enrolments and dated video views of a Chinese MOOC platform (XuetangX).

Yu J. et al. (2020). MOOCCube: A large-scale data repository for NLP applications in MOOCs. ACL 2020, 3135-3142, CC0.
4,723 selected learners with two enrolments or more; the enrolments have no dates, the views of 1,713 of them have.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import pandas as pd

from knowpay.collect.local import published

CHECKSUMS = {  # sha256 of the uncompressed bytes
    "course.csv": "5d0b46e346417a0ebd12cbb9f16ee252d78933629c1d1b83c269b4531f53dbae",
    "rel_user_course.csv": "ff5377bbeb7f8fc2b6f0a7b5459712baebeaf9b08c5ca44508fbbf59cdfdd09d",
    "rel_course_video.csv": "03b63f52b5372221e6946f17c245e85c8ffe714aeeb059956bf4ac4e47fedfd9",
    "user_video_timestamped.tsv": "e5926f838f75b1e5e75357af067fe0a1d797b9e0d996a5cd40f325b2a733757f",
    "user_video_video_map.txt": "b78f94081d754ec83b482b87b290d105a5e2d65b58d727be9e7a25c66f6a26f7",
}


@dataclass(frozen=True)
class MoocCube:
    """`runs`: run, course, name, school; `enrolments`: user_id, run, course; `views`: user_id, course, first (UTC), n.

    `course` is what the runs of one course have in common: school and name.
    """

    runs: pd.DataFrame
    enrolments: pd.DataFrame
    views: pd.DataFrame


def open_mooccube() -> MoocCube:
    """Read the five files, merge the runs of one course, and map views to courses (a video of two courses to both).

    Raises:
        DownloadError: a file is not here or is not the published one.
    """
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
    source = "the public repository tlGsensei/resource-recommend, from MOOCCube"
    return pd.read_csv(io.BytesIO(published("mooccube_subset", file, CHECKSUMS[file], source)), sep=separator)
