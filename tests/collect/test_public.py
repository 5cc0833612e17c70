"""Public data sets on small made files of the publishers' form; the real files where they are at hand."""

import gzip
import hashlib
import http.server
import json
import threading
import zipfile
from pathlib import Path

import knowpay
import pytest
from knowpay.collect import DownloadError
from knowpay.collect.public import LISTED, SETS, PublicSet, counts, declaration, find, open_public, path
from knowpay.collect.public.declaration import Archive, Count, File, declared

CARDS = Path(__file__).parents[2] / "datasets"


def put(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def unpinned(dataset: PublicSet) -> PublicSet:
    """The same declaration for made files, whose bytes nobody has published."""
    files = {n: f.model_copy(update={"sha256": None}) for n, f in dataset.files.items()}
    return dataset.model_copy(update={"files": files})


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The folder that KNOWPAY_DATA names; nothing else is looked at."""
    monkeypatch.setenv("KNOWPAY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "data"


TINY = PublicSet(
    name="tiny",
    title="A tiny set",
    folder="tiny",
    source="https://example.org",
    licence="CC0 1.0",
    citation="Nobody (2020). Tiny.",
    files={"people.csv": File(rows=2, columns=("id", "day"))},
    sql="CREATE VIEW users AS SELECT id AS user_id, day AS created_at FROM src_people",
    times="SELECT created_at::TIMESTAMPTZ FROM users",
    counts={"people": Count(published=2, sql="SELECT count(DISTINCT id) FROM src_people")},
    manifest={"timezone": "UTC", "currency": "CNY", "extracted_at": "2021-01-01", "lawful_basis_note": "made up"},
    by_hand="Put people.csv into the folder tiny.",
)
PEOPLE = "id,day\n1,2020-01-01\n2,2020-01-02\n"


def test_a_set_is_an_export_like_any_other(data, tmp_path):
    put(data / "tiny", **{"people.csv": PEOPLE + "3,soon\n"})
    with pytest.raises(Exception, match="soon"):  # the span of the times needs times
        open_public(TINY, tmp_path / "cache")
    put(data / "tiny", **{"people.csv": PEOPLE + ",2020-01-03\n"})
    ds = open_public(TINY, tmp_path / "cache")
    assert sorted(ds.users.to_pandas()["user_id"]) == ["1", "2"]
    assert ds.quarantine.to_pandas()["rule"].tolist() == ["missing_value"]
    assert ds.manifest["licence"] == "CC0 1.0" and ds.manifest["citation"] == "Nobody (2020). Tiny."
    assert (ds.observation_start.date().isoformat(), ds.observation_end.date().isoformat()) == (
        "2020-01-01",
        "2020-01-04",
    )


def test_counts_stand_beside_the_published_ones(data, tmp_path):
    put(data / "tiny", **{"people.csv": PEOPLE + "3,2020-01-03\n"})
    found = counts(open_public(TINY, tmp_path / "cache"))
    assert found["rows"].tolist() == [3, 3] and found["published"].tolist() == [2, 2]
    assert not found["complete"].any()
    nobody_says = TINY.model_copy(update={"files": {"people.csv": File()}, "counts": {}})
    found = counts(open_public(nobody_says, tmp_path / "cache"))
    assert found["published"].isna().all() and not found["complete"].any()


def test_other_bytes_are_another_conversion(data, tmp_path):
    put(data / "tiny", **{"people.csv": PEOPLE})
    assert len(open_public(TINY, tmp_path / "cache").users.to_pandas()) == 2
    put(data / "tiny", **{"people.csv": PEOPLE + "3,2020-01-03\n"})
    assert len(open_public(TINY, tmp_path / "cache").users.to_pandas()) == 3


def test_absent_files_are_a_sentence_with_the_remedy(data, tmp_path):
    with pytest.raises(DownloadError, match=r"A tiny set is not here. Put people\.csv into the folder tiny\."):
        open_public(TINY, tmp_path / "cache")
    for name, dataset in SETS.items():
        remedy = dataset.remedy
        assert dataset.folder in remedy and "KNOWPAY_DATA" in remedy, name


def test_a_file_without_a_needed_column_is_refused(data, tmp_path):
    put(data / "tiny", **{"people.csv": "id,date\n1,2020-01-01\n"})
    with pytest.raises(DownloadError, match=r"people\.csv has no column day; it has id, date\."):
        open_public(TINY, tmp_path / "cache")
    assert not list((tmp_path / "cache" / "public").glob("tiny-*[0-9a-f]"))


def test_a_file_that_is_no_table_is_refused(data, tmp_path):
    (data / "tiny").mkdir(parents=True)
    (data / "tiny" / "people.csv.gz").write_bytes(b"not gzip at all")
    with pytest.raises(DownloadError, match=r"people\.csv\.gz cannot be read"):
        open_public(TINY, tmp_path / "cache")


def test_gzip_is_read_and_its_text_is_what_is_pinned(data, tmp_path):
    file = File(sha256=hashlib.sha256(PEOPLE.encode()).hexdigest(), rows=2)
    pinned = TINY.model_copy(update={"files": {"people.csv": file}})
    (data / "tiny").mkdir(parents=True)
    (data / "tiny" / "people.csv.gz").write_bytes(gzip.compress(PEOPLE.encode()))
    assert len(open_public(pinned, tmp_path / "cache").users.to_pandas()) == 2
    (data / "tiny" / "people.csv.gz").write_bytes(gzip.compress(PEOPLE.replace("1", "9").encode()))
    with pytest.raises(DownloadError, match="is not the published file"):
        open_public(pinned, tmp_path / "other cache")
    (data / "tiny" / "people.csv.gz").unlink()  # what was checked once opens without the file
    assert len(open_public(pinned, tmp_path / "cache").users.to_pandas()) == 2


def test_a_part_stands_in_until_the_whole_is_there(data, tmp_path):
    files = {"people.csv": File(rows=2), "people.part.csv": File(rows=1, instead_of="people.csv")}
    two = TINY.model_copy(update={"files": files, "counts": {}})
    put(data / "tiny", **{"people.part.csv": "id,day\n1,2020-01-01\n"})
    found = counts(open_public(two, tmp_path / "cache"))
    assert found[["file", "rows", "published"]].to_numpy().tolist() == [["people.part.csv", 1, 2]]
    put(data / "tiny", **{"people.csv": PEOPLE})
    assert counts(open_public(two, tmp_path / "cache"))["complete"].all()


def test_the_publishers_archive_is_fetched_once_and_unpacked(data, tmp_path):
    served = tmp_path / "served"
    served.mkdir()
    with zipfile.ZipFile(served / "tiny.zip", "w") as zipped:
        zipped.writestr("deep/folder/people.csv", PEOPLE)
        zipped.writestr("deep/read me.txt", "x")

    class Here(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *given: object) -> None:
            super().__init__(*given, directory=str(served))

        def log_message(self, *given: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Here)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    content = (served / "tiny.zip").read_bytes()
    url = f"http://127.0.0.1:{server.server_port}/tiny.zip"
    archive = Archive(url=url, sha256=hashlib.sha256(content).hexdigest(), size=len(content), unpacked=len(PEOPLE))
    fetched = TINY.model_copy(update={"archive": archive, "by_hand": ""})
    try:
        assert len(open_public(fetched, tmp_path / "cache").users.to_pandas()) == 2
    finally:
        server.shutdown()
        server.server_close()
    assert len(open_public(fetched, tmp_path / "cache").users.to_pandas()) == 2  # from the cache: the server is gone
    made = [p.name for p in (tmp_path / "cache" / "public").glob("tiny-*/*")]
    assert sorted(made) == ["manifest.yml", "users.parquet"]
    assert url in fetched.remedy and "KNOWPAY_DATA" in fetched.remedy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: x", r"tiny\.yml: source: Field required; licence: Field required; .*files: Field required\."),
        ("{all}\nlicense: MIT", r"tiny\.yml: license: Extra inputs are not permitted\."),
        (
            "{all}\narchive: {{url: u, sha256: s, size: large, unpacked: 1}}",
            r"tiny\.yml: archive\.size: Input should be a",
        ),
        ("{all}\nby_hand: ''", r"tiny\.yml: .*give an archive, a url for each file, or by_hand\."),
        ("- a\n- b", r"tiny\.yml is no YAML of keys and values"),
        ("title: 'x", r"tiny\.yml is no YAML of keys and values"),
    ],
)
def test_a_wrong_declaration_is_a_sentence_with_file_and_key(tmp_path, text, said):
    whole = "title: t\nsource: s\nlicence: l\ncitation: c\nfolder: f\nby_hand: b\nfiles: {{x.csv: {{rows: 2}}}}"
    file = tmp_path / "tiny.yml"
    file.write_text(whole.format(), "utf-8")
    assert declared(file).files["x.csv"].rows == 2 and declared(file).name == "tiny"
    if "by_hand" in text:
        whole = whole.replace("by_hand: b\n", "")
    file.write_text(text.format(all=whole.format()), "utf-8")
    with pytest.raises(ValueError, match=said) as caught:
        declared(file)
    assert "\n" not in str(caught.value)


def test_a_view_that_is_no_table_is_refused(data, tmp_path):
    put(data / "tiny", **{"people.csv": PEOPLE})
    wrong = TINY.model_copy(update={"sql": TINY.sql.replace("users", "persons")})
    with pytest.raises(ValueError, match=r"tiny\.sql makes the view persons; the data dictionary has no such table"):
        open_public(wrong, tmp_path / "cache")


def test_every_declaration_is_listed():
    folder = Path(declaration.__file__).parent
    assert {path.stem for path in folder.glob("*.yml")} == set(LISTED)
    assert {path.stem for path in folder.glob("*.sql")} == set(SETS) == set(LISTED) - {"upworthy"}


def test_a_file_is_read_where_it_lies(data):
    name = "udemy_courses.csv"
    with pytest.raises(
        DownloadError, match=r"udemy_courses\.csv of Udemy Courses is not here\. Download .*KNOWPAY_DATA"
    ):
        path("udemy")
    put(data / "udemy_courses", **{name: "course_id\n1\n"})
    with pytest.raises(DownloadError, match=r"udemy_courses\.csv is not the published file \(sha256"):
        path("udemy", name)
    with pytest.raises(ValueError, match=r"There is no data set 'udem'\. Possible are oulad, .*upworthy\."):
        path("udem")
    with pytest.raises(ValueError, match=r"udemy has no file 'x\.csv'; it has udemy_courses\.csv\."):
        path("udemy", "x.csv")


def test_the_door_names_the_sets():
    with pytest.raises(ValueError, match=r"'world:small'.*'oulad'.*'mooccube'.*'udemy'"):
        knowpay.open("nonsense")
    with pytest.raises(ValueError, match="only a simulated company has knobs"):
        knowpay.open("udemy", churn=0.5)


@pytest.mark.parametrize("name", SETS)
def test_every_set_has_a_card_with_terms_citation_and_checksums(name):
    dataset = SETS[name]
    for suffix in ("yml", "sql"):
        assert f"(../lib/knowpay/collect/public/{name}.{suffix})" in (CARDS / f"{name.split('-')[0]}.md").read_text(
            "utf-8"
        )
    card = CARDS / f"{name.split('-')[0]}.md"
    text = " ".join(card.read_text("utf-8").split())
    assert f'knowpay.open("{name}")' in text
    for suffix in ("yml", "sql"):
        assert f"(../lib/knowpay/collect/public/{name}.{suffix})" in text
    assert dataset.licence in text and dataset.source in text
    assert " ".join(dataset.citation.split()) in text
    for name, file in dataset.files.items():
        assert f"`{name}`" in text, f"{card.name} does not name {name}"
        if file.sha256:
            assert file.sha256 in text, f"{card.name} lacks the checksum of {name}"
        if file.rows:
            assert f"{file.rows:,}" in text, f"{card.name} lacks the rows of {name}"
    for served in dataset.served.values():
        assert served.url in text and served.sha256 in text and f"{served.size:,}" in text
    for constant in ("published_at", "created_at", "category", "price"):
        if constant in dataset.manifest.get("constants", ""):
            assert constant in text, f"{card.name} does not say what stands in {constant}"
    assert f"[{card.name}]({card.name})" in (CARDS / "README.md").read_text("utf-8")


# --- one by one, on made files ---------------------------------------------------------------------------------


def user(person: str, courses: list, times: list[str], **more: object) -> str:
    return json.dumps({"id": person, "name": "小明", "course_order": courses, "enroll_time": times, **more})


def test_mooccubex(data, tmp_path):
    video = {"resource_type": "video", "resource_id": "V_1", "titles": ["a"]}
    exercise = {"resource_type": "exercise", "resource_id": "Ex_1"}
    course = {
        "id": "C_11",
        "name": "数据结构",
        "field": ["计算机科学与技术", "数学"],
        "resource": [video, exercise, video],
    }
    put(
        data / "mooccubex",
        **{
            "course.json": json.dumps(course) + "\n" + json.dumps({"id": "C_12", "name": "x", "resource": []}),
            "user.json": "\n".join(
                [
                    user("U_1", [11, 12], ["2019-10-12 10:28:02", "2018-03-01 08:00:00"], gender=1, year_of_birth=1990),
                    user("U_2", [], []),
                ]
            ),
        },
    )
    ds = open_public(SETS["mooccubex"], tmp_path / "cache")
    courses = ds.courses.to_pandas().set_index("product_id")
    assert courses.loc["C_11", "category"] == "计算机科学与技术" and courses.loc["C_12", "category"] == "unknown"
    assert courses["lesson_count"].tolist() == [2, 0] and (courses["price"] == 0).all()
    users = ds.users.to_pandas().set_index("user_id")
    assert users.loc["U_1", "created_at"].isoformat() == "2018-03-01T00:00:00+00:00"  # eight in the morning in China
    assert users.loc["U_2", "created_at"].isoformat() == "2013-10-09T16:00:00+00:00"
    assert not any("小明" in str(v) or "1990" in str(v) for v in users.to_numpy().ravel())
    members = ds.memberships.to_pandas()
    assert sorted(zip(members["plan_id"], members["current_period_start"].dt.strftime("%F %T"), strict=True)) == [
        ("C_11", "2019-10-12 02:28:02"),
        ("C_12", "2018-03-01 00:00:00"),
    ]
    assert set(members["status"]) == {"active"}
    found = counts(ds).set_index("file")["rows"].to_dict()
    assert found == {"course.json": 2, "user.json": 2, "people": 2, "enrolments": 2}


def test_mooccube_full_has_its_own_ids(data, tmp_path):
    run = "C_course-v1:TsinghuaX+30240184+sp"
    put(
        data / "mooccube",
        **{
            "course.json": json.dumps({"id": run, "name": "数据结构", "video_order": ["V_1", "V_2"], "core_id": run}),
            "user.json": user("U_9", [run], ["2017-05-01 20:00:00"]),
        },
    )
    ds = open_public(SETS["mooccube-full"], tmp_path / "cache")
    assert ds.memberships.to_pandas()["plan_id"].tolist() == [run]
    assert ds.courses.to_pandas()["lesson_count"].tolist() == [2]


def test_mooccube_subset(data, tmp_path):
    one, two = "C_course-v1:BNU+1+sp", "C_course-v1:BNU+1+2016_T1"
    put(
        data / "mooccube_subset",
        **{
            "course.csv": f"id,name\n{one},逻辑\n{two},逻辑\n",
            "rel_user_course.csv": f"start_id,end_id\nU_1,{one}\nU_2,{two}\nU_3,{one}\n",
            "rel_course_video.csv": f"start_id,end_id\n{one},V_a\n{two},V_a\n",
            "user_video_timestamped.tsv": "user_id:token\titem_id:token\ttimestamp:float\n"
            "0\t7\t1450795534\n0\t7\t1450795534\n1\t7\t1450795600\n",
            "user_video_user_map.txt": "org_user_id new_user_id\nU_1 0\nU_2 1\n",
            "user_video_video_map.txt": "org_video_id new_video_id\nV_a 7\n",
        },
    )
    ds = open_public(unpinned(SETS["mooccube"]), tmp_path / "cache")
    events = ds.events.to_pandas().set_index("user_id")
    assert events["product_id"].to_dict() == {"U_1": one, "U_2": two}  # each in the own run
    assert events.loc["U_1", "timestamp"].timestamp() == 1450795534
    rows = ds.report.rows.set_index("table")
    assert rows.loc["events", ["rows_in", "loaded", "duplicate"]].tolist() == [3, 2, 1]
    created = ds.users.to_pandas().set_index("user_id")["created_at"]
    assert created["U_1"].timestamp() == 1450795534 and created["U_3"].isoformat() == "2013-10-09T16:00:00+00:00"
    assert {json.loads(p)["course"] for p in ds.courses.to_pandas()["properties"]} == {"BNU 逻辑"}


def test_kddcup(data, tmp_path):
    log = [
        "1,2014-06-14T09:38:29,server,navigate,m1",
        "1,2014-06-14T09:38:39,browser,video,m2",
        "1,2014-06-14T09:38:39,browser,video,m2",
        "2,2014-06-20T23:59:59,browser,page_close,m9",
    ]
    put(
        data / "kddcup2015",
        **{
            "date.csv": "course_id,from,to\nc1,2014-06-12,2014-07-11\n",
            "object.csv": "course_id,module_id,category,children,start\nc1,m1,sequential,m2,2014-06-12T00:00:00\n"
            "c1,m2,video,,null\nc1,m2,video,,null\n",
            "enrollment_train.csv": "enrollment_id,username,course_id\n1,anna,c1\n2,ben,c1\n3,carl,c1\n",
            "truth_train.csv": "1,0\n2,1\n3,1\n",
            "log_train.csv": "enrollment_id,time,source,event,object\n" + "\n".join(log) + "\n",
        },
    )
    ds = open_public(SETS["kddcup2015"], tmp_path / "cache")
    assert ds.report.rows["quarantined"].sum() == 0
    members = ds.memberships.to_pandas().set_index("membership_id")
    assert members["status"].to_dict() == {"1": "expired", "2": "canceled", "3": "canceled"}
    assert (members["current_period_end"] - members["current_period_start"]).dt.days.unique().tolist() == [30]
    events = ds.events.to_pandas()
    assert events["event"].value_counts().to_dict() == {"lesson_started": 2, "page_viewed": 1, "page_closed": 1}
    assert events["timestamp"].min().isoformat() == "2014-06-14T01:38:29+00:00"
    assert events["message_id"].is_unique
    assert ds.courses.to_pandas()["lesson_count"].tolist() == [1]
    assert (ds.observation_start.tz_convert("Asia/Shanghai"), ds.observation_end.tz_convert("Asia/Shanghai")) == tuple(
        members[["current_period_start", "current_period_end"]].iloc[0].dt.tz_convert("Asia/Shanghai")
    )


def test_udemy(data, tmp_path):
    head = (
        "course_id,course_title,url,is_paid,price,num_subscribers,num_reviews,num_lectures,level,content_duration,"
        "published_timestamp,subject\n"
    )
    row = '7,"Bonds, plainly",https://example.org/b,True,95,2147,23,51,All Levels,1.5,2017-01-18T20:58:58Z,Finance\n'
    put(data / "udemy_courses", **{"udemy_courses.csv": head + row + row})
    ds = open_public(unpinned(SETS["udemy"]), tmp_path / "cache")
    (course,) = ds.courses.to_pandas().to_dict("records")
    assert (course["name"], course["price"], course["currency"], course["duration_seconds"]) == (
        "Bonds, plainly",
        95.0,
        "USD",
        5400.0,
    )
    assert json.loads(course["properties"]) == {"is_paid": True, "subscribers": 2147, "reviews": 23}
    assert ds.report.rows.set_index("table").loc["courses", "duplicate"] == 1


def test_coursera(data, tmp_path):
    put(
        data / "coursera_reviews",
        **{
            "Coursera_courses.csv": "name,institution,course_url,course_id\nPython,Some University,u,python\n",
            "Coursera_reviews.csv": "reviews,reviewers,date_reviews,rating,course_id\n"
            '"Clear, and\nshort",By A B,"Jul 09, 2020",5,python\nToo fast,By C,2020-07-10,2,python\n'
            "Good,By A B,yesterday,4,python\n",
        },
    )
    ds = open_public(SETS["coursera"], tmp_path / "cache")
    reviews = ds.reviews.to_pandas()
    assert reviews["rating"].tolist() == [5.0, 2.0] and reviews["user_id"].isna().all()
    assert reviews["timestamp"].dt.strftime("%F").tolist() == ["2020-07-09", "2020-07-10"]
    assert ds.quarantine.to_pandas()["column"].tolist() == ["timestamp"]  # no day is invented
    assert not any("By A" in str(v) for v in reviews.to_numpy().ravel())


# --- the real files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.real_data(n)) for n in ("mooccube", "udemy")])
def test_real_files_have_the_published_counts_and_lose_nothing(name, tmp_path):
    ds = knowpay.open(name, cache=tmp_path)
    assert counts(ds)["complete"].all()
    assert ds.report.rows["quarantined"].sum() == 0
    rows = ds.report.rows.set_index("table")["loaded"]
    expected = {
        "mooccube": {"users": 4_723, "courses": 706, "memberships": 24_933, "events": 121_622},
        "udemy": {"courses": 3_672},
    }
    assert rows[rows > 0].to_dict() == expected[name]
    assert find(SETS[name])
