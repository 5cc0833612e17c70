"""Public data sets, turned into the same kind of export a company would make. So far: OULAD.

OULAD: Kuzilek J., Hlosta M., Zdrahal Z. (2017). Open University Learning Analytics dataset. Scientific Data
4:170171, doi:10.1038/sdata.2017.171, CC BY 4.0. How its columns become canonical ones: datasets/oulad.md.
"""

import gzip
import hashlib
import os
import shutil
import zipfile
from pathlib import Path

import duckdb
import yaml

from knowpay.collect import DownloadError
from knowpay.collect.dataset import Dataset
from knowpay.collect.download import download
from knowpay.collect.ingest import ingest, version
from knowpay.collect.store import ROOT, build, quiet

URL = "https://archive.ics.uci.edu/static/public/349/open+university+learning+analytics+dataset.zip"
SHA256 = "f2ed1902616c1fe8d2824d872c0b7d2d72be435bf0124d077044fe4be2c6d3e4"
SIZE = 46_748_244
BY_HAND = (
    f"Or do it by hand: download {URL} on any machine, unzip it into a folder named oulad, and set KNOWPAY_DATA to "
    "the folder that holds oulad."
)
PART = "studentVle.AAA-2013J_AAA-2014J_BBB-2013B"
# file -> rows as published
PUBLISHED = {
    "courses": 22,
    "assessments": 206,
    "vle": 6_364,
    "studentInfo": 32_593,
    "studentRegistration": 32_593,
    "studentAssessment": 173_912,
    "studentVle": 10_655_280,
}
# sha256 of the uncompressed bytes
CHECKSUMS = {
    "courses": "4f16eee7454b15e109b0a21a0e43be820e6846ed6f9301bb7feb5ab5ad737a75",
    "assessments": "9ce92381e4a0ac457f8e251b2eb2c179ed51e023ab30d1d671a0268bd62316ba",
    "vle": "d7a146497edd0e47ef536144b58796c07b554002d3753e848b8e4cd8a56f4c38",
    "studentInfo": "815fbc3e2de29f79900bc63f0345a35db62c9146afaa1d86e7107b8b3beffc60",
    "studentRegistration": "bbc87a0de1fe2a9ec6decce1ca6c1a02cf17b54ad3bdcc673fc6413b41c61d47",
    "studentAssessment": "b1839e17618a5de36b6d189a242d3123f7939a56c8c9ccef0c17b9199c614a6b",
    "studentVle": "52668253d876c5becbcb72185977152700cecab2942aca807fecc3dd54b937f0",
    PART: "640c582b57e2f63d6028986d0de8a03e017b2a3ab637b47e9cb27bdcd26e5b9c",
}
MANIFEST = {
    "dataset_id": "oulad",
    "schema_version": "1",
    "source_system": "Open University Learning Analytics Dataset",
    "timezone": "Europe/London",
    "currency": "GBP",
    "money_unit": "yuan",
    "timestamp_unit": "iso",
    "revenue_definition": "other",
    "business_user_id_column": "user_id",
    "extracted_at": "2017-11-28",  # day of the publication; the data end in 2015
    "contains_personal_data": False,
    "lawful_basis_note": "anonymised by the Open University, published under CC BY 4.0",
}
# Presentations B start in February, J in October; every day in OULAD counts from the start, which is day 0.
_MACROS = """
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


def open_oulad(root: Path) -> Dataset:
    """The OULAD data set, from KNOWPAY_DATA, the shared folder or the publisher; `root` is the cache.

    Raises:
        DownloadError: a file is missing or is not the published one, or the download failed.
    """
    files = find_oulad()
    part = "part" if PART in files else "full"
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:4] + version()
    source = root / "public" / f"oulad-{part}-{code}"
    store = root / "ingested" / source.name
    if not (source.exists() and store.exists()):
        if not files and not source.exists():
            archive = download(URL, root / "downloads" / "oulad.zip", SHA256, SIZE, BY_HAND)
            build(source, lambda out: _from_archive(archive, out))
        build(source, lambda out: _convert(files, out))
        ingest(source, store)
    return Dataset("oulad", store, source)


def find_oulad() -> dict[str, Path]:
    """The files of OULAD on this machine (name without ending -> path); empty when there is no folder of them.

    Raises:
        DownloadError: a folder has some of the files, but not all.
    """
    places = [ROOT.parent / "shared" / "datasets" / "oulad"]
    if given := os.environ.get("KNOWPAY_DATA"):
        places = [Path(given).expanduser() / "oulad", Path(given).expanduser(), *places]
    for place in places:
        paths = [*place.glob("*.csv"), *place.glob("*.csv.gz")] if place.is_dir() else []
        files = {n: p for p in sorted(paths) if (n := p.name.removesuffix(".gz").removesuffix(".csv")) in CHECKSUMS}
        if "studentVle" in files:
            files.pop(PART, None)
        if not {"studentInfo", "studentRegistration"} & set(files):  # "courses.csv" alone may be anything
            continue
        missing = [n for n in PUBLISHED if n not in files and (n != "studentVle" or PART not in files)]
        if missing:
            names = ", ".join(f"{n}.csv" for n in missing)
            raise DownloadError(f"{place} has no {names} (or .csv.gz). Add what is missing, or unset KNOWPAY_DATA.")
        return files
    return {}


def counts(ds: Dataset):
    """Rows of each file of the publisher as read, beside the published number (pandas; also `complete`)."""
    import pandas as pd

    frame = pd.DataFrame(ds.manifest["source_files"]).astype({"rows": int, "published": int})
    return frame.assign(complete=frame["rows"] == frame["published"])


def _from_archive(archive: Path, out: Path) -> None:
    folder = out / ".csv"
    with zipfile.ZipFile(archive) as zipped:
        for entry in zipped.infolist():
            name = Path(entry.filename).name  # the name only: nothing is written outside the folder
            if name.removesuffix(".csv") in PUBLISHED:
                folder.mkdir(exist_ok=True)
                with zipped.open(entry) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
    _convert({n: folder / f"{n}.csv" for n in PUBLISHED}, out)
    shutil.rmtree(folder)


def _check(name: str, path: Path) -> None:
    """Raise DownloadError unless the uncompressed bytes are those that were published."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, EOFError) as error:
        raise DownloadError(f"{path} cannot be read ({error}). Copy it again. {BY_HAND}") from error
    if found != CHECKSUMS[name]:
        raise DownloadError(
            f"{path} is not the published file (sha256 of its text {found[:12]}…, expected {CHECKSUMS[name][:12]}…). "
            f"Copy it again. {BY_HAND}"
        )


def _convert(files: dict[str, Path], out: Path) -> None:
    """Write the publisher's files as an export: one Parquet file per canonical table, and a manifest."""
    con = duckdb.connect()
    con.execute(f"SET temp_directory = '{str(out / '.tmp').replace(chr(39), chr(39) * 2)}'")
    con.execute("SET memory_limit = '2GB'")
    quiet(con)
    con.execute(_MACROS)
    rows = []
    for name, path in files.items():
        _check(name, path)
        table = "studentVle" if name == PART else name
        con.execute(
            f"""CREATE TEMP TABLE src_{table} AS FROM read_csv(?, all_varchar = true, header = true, nullstr = '?',
            delim = ',', quote = '"')""",
            [str(path)],
        )
        ((n,),) = con.execute(f"SELECT count(*) FROM src_{table}").fetchall()
        rows.append({"file": f"{name}.csv", "rows": n, "published": PUBLISHED[table]})
    for table, sql in _TABLES.items():
        target = str(out / f"{table}.parquet").replace("'", "''")
        con.execute(f"COPY ({sql}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    times = f"""SELECT created_at AS t FROM '{out}/users.parquet'
        UNION ALL SELECT timestamp FROM '{out}/events*.parquet'
        UNION ALL SELECT current_period_end FROM '{out}/memberships.parquet'"""
    ((first, last),) = con.execute(
        f"SELECT CAST(min(t)::DATE AS VARCHAR), CAST(max(t)::DATE AS VARCHAR) FROM ({times})"
    ).fetchall()
    con.close()
    shutil.rmtree(out / ".tmp", ignore_errors=True)
    manifest = MANIFEST | {"observation_start": first, "observation_end": last, "source_files": rows}
    (out / "manifest.yml").write_text(yaml.safe_dump(manifest, sort_keys=False), "utf-8")
