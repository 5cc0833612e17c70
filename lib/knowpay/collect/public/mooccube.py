"""MOOCCube as its publisher's tables, with the runs of one course merged; declared in mooccube.yml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowpay.collect import public

if TYPE_CHECKING:
    import pandas as pd


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

    def table(file: str, separator: str = ",") -> pd.DataFrame:
        return pd.read_csv(public.path("mooccube", file), sep=separator)

    runs = table("course.csv").rename(columns={"id": "run"})
    runs["school"] = runs["run"].str.removeprefix("C_course-v1:").str.split("+").str[0]
    runs["course"] = runs["school"] + " " + runs["name"].str.strip()
    enrolments = table("rel_user_course.csv").set_axis(["user_id", "run"], axis=1)
    enrolments = enrolments.merge(runs[["run", "course"]], on="run")
    videos = table("rel_course_video.csv").set_axis(["run", "video"], axis=1).merge(runs, on="run")
    numbers = table("user_video_video_map.txt", " ").set_axis(["video", "number"], axis=1)
    courses = videos.merge(numbers, on="video")[["number", "course"]].drop_duplicates()
    views = table("user_video_timestamped.tsv", "\t").set_axis(["user_id", "number", "second"], axis=1)
    views = views.drop_duplicates().merge(courses, on="number").groupby(["user_id", "course"], as_index=False)
    views = views.agg(first=("second", "min"), n=("second", "size"))
    views = views.assign(user_id=views["user_id"].astype(str), first=pd.to_datetime(views["first"], unit="s", utc=True))
    return MoocCube(runs, enrolments, views)
