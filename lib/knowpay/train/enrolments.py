"""The recommenders on MOOCCube: enrolments without dates (one hidden for each learner) and dated views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from knowpay.analyse import neighbours
from knowpay.collect import public
from knowpay.train import protocol, recommender, two_tower

PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
KNN = [(shrink, nearest) for shrink in (5.0, 20.0, 100.0, 500.0) for nearest in (10, 50, 400)]


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


def closed_form(x: sparse.csr_matrix, history: sparse.csr_matrix, seed: int = 0) -> dict[str, np.ndarray]:
    """Scores of popular, item-kNN and EASE, learned from `x`, for the rows of `history`.

    The penalty of EASE is that of the least left-out error; shrinkage and number of neighbours are those of KNN that
    best find a second hidden course of each learner, with `seed`.
    """
    people = x[np.diff(x.indptr) > 0]
    penalty = neighbours.ease_error(people, PENALTIES).idxmin()
    less, hidden = protocol.hold_out_one(x, seed + 1)
    tune = recommender.watch(less, hidden, less)
    nearest = max(KNN, key=lambda settings: tune(less[tune.rows] @ neighbours.item_knn(less, *settings)))
    return {
        "popular": np.broadcast_to(neighbours.popularity(x), history.shape),
        "item-kNN": history @ neighbours.item_knn(x, *nearest),
        "EASE": history @ neighbours.ease(x, penalty),
    }


def enrolled(mooc: MoocCube, course: str = "course") -> tuple[sparse.csr_matrix, np.ndarray]:
    """Enrolments as a 0/1 matrix (learners, courses) and the names of its columns; `course` may be "run" instead."""
    pairs = mooc.enrolments.rename(columns={course: "product_id"})[["user_id", "product_id"]].drop_duplicates()
    items = np.sort(pairs["product_id"].unique())
    return neighbours.matrix(pairs, np.sort(pairs["user_id"].unique()), items), items


def towers(mooc: MoocCube, train: sparse.csr_matrix, items: np.ndarray, seed: int) -> np.ndarray:
    """Two-tower scores (learners, courses); a second hidden enrolment of each learner says when to stop."""
    less, second = protocol.hold_out_one(train, seed + 1)
    named = mooc.runs.drop_duplicates("course").set_index("course").loc[items]
    examples = two_tower.undated(less, recommender.name_features(named["name"], named["school"]))
    tune = recommender.watch(less, second, less)
    fitted = two_tower.fit(examples, lambda m: tune(m.scores(less[tune.rows], examples.profile[tune.rows])), seed=seed)
    return fitted.scores(train, examples.profile)


def dated(mooc: MoocCube, share: float = 0.6) -> tuple[pd.Timestamp, sparse.csr_matrix, sparse.csr_matrix]:
    """First views cut at the day by which `share` of them had been made: (day, before, after), (learners, courses)."""
    day = mooc.views["first"].quantile(share)
    pairs = mooc.views.rename(columns={"course": "product_id"}).assign(strength=lambda v: np.log2(1 + v["n"]))
    axes = [np.sort(pairs[c].unique()) for c in ("user_id", "product_id")]
    return day, *(neighbours.matrix(pairs[m], *axes) for m in (pairs["first"] < day, pairs["first"] >= day))


def contest(mooc: MoocCube, course: str = "course", seed: int = 0) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Hide one random enrolment of each learner and rank all courses.

    Returned: method -> `neighbours.ranked` at 10 (the two-tower for merged courses only), and EASE judged against 99
    sampled negatives.
    """
    every, items = enrolled(mooc, course)
    train, hidden = protocol.hold_out_one(every, seed)
    scores = closed_form(train, train, seed)
    if course == "course":
        scores["two-tower"] = towers(mooc, train, items, seed)
    judged = {n: neighbours.ranked(neighbours.top(s, 10, train), hidden) for n, s in scores.items()}
    return judged, protocol.sampled(scores["EASE"], hidden, train, 99, seed)


def dated_contest(mooc: MoocCube) -> tuple[pd.Timestamp, dict[str, pd.DataFrame]]:
    """(day of the cut, method -> `neighbours.ranked` at 3) on courses first viewed after it by learners seen before."""
    day, before, after = dated(mooc)
    both = (np.diff(before.indptr) > 0) & (np.diff(after.indptr) > 0)
    scores = closed_form(before, before[both])
    return day, {n: neighbours.ranked(neighbours.top(s, 3, before[both]), after[both]) for n, s in scores.items()}
