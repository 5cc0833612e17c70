"""Of two rows with one key the later is shown, whatever arrived first; no file's name loosens a refusal."""

import itertools
import json
import random
import shutil
from pathlib import Path

import pandas as pd
import pytest
from collect_exports import DAY, frames, write_manifest, write_table
from effort import some
from knowpay.collect.dataset import Dataset
from knowpay.collect.ingest import ingest, later, replay
from test_store import conserved, digests

NAMES = ["users", "users-2", "users-10", "users-2025-02-28", "users_20250301", "users/2025-03-02", "2025-03-03/users"]
STRICT = ["granted", None, "unknown", "denied"]  # nothing said loosens nothing
FLAGS = ("personalization_opt_out", "under_14")


def deliver(root: Path, files: dict[str, pd.DataFrame], order: list[str]) -> Dataset:
    """Write the files one after the other and open the export after each."""
    folder, store = root / "export", root / "store"
    for part in (folder, store):
        shutil.rmtree(part, ignore_errors=True)
    write_manifest(folder)
    for name in order:
        write_table(files[name], folder / f"{name}.csv")
        ingest(folder, store)
    return Dataset("test", store, folder)


def in_every_order(root: Path, files: dict[str, pd.DataFrame]) -> Dataset:
    """Deliver the files in every order: the same bytes, the same notes and fates, and no row lost.

    `make test` takes the first order and the last.
    """
    first = None
    for order in some(list(itertools.permutations(files))):
        ds = deliver(root, files, list(order))
        assert conserved(ds)
        fates = ds.report.rows.drop(columns="table").sum().tolist()
        notes = [note for note in ds.report.notes if "same bytes" not in note]
        now = (digests(ds.store), notes, fates, sorted(ds.superseded.to_pandas()["row_json"]))
        first = first or now
        assert now == first, order
    return ds


def user(**fields: str) -> pd.DataFrame:
    return pd.DataFrame([{"user_id": "u1", "created_at": DAY} | fields])


def value(ds: Dataset, table: str, column: str):
    """The one row's value; None where it is missing."""
    found = getattr(ds, table).to_pandas()[column].tolist()
    assert len(found) == 1
    return None if pd.isna(found[0]) else found[0]


def test_names_are_ordered_by_date_then_as_people_read_them():
    names = ["users.csv", "users-2.csv.gz", "users-10.parquet", "users/part-3.csv", "users-2025-03-01.csv"]
    names += ["users_20250302.parquet", "users-2.2025-03-03.jsonl", "2025-03-04/users.csv", "users-20250305T101500.csv"]
    assert sorted(reversed(names), key=later.order_of) == names
    assert later.order_of("2025-01-01/users-2024-12-31.csv")[0] == "20241231"  # the file's own name comes last
    assert later.order_of("users-20251399.csv")[0] == later.order_of("users-120250301.csv")[0] == ""  # no dates


def test_the_stricter_of_two_consents_holds_whatever_the_names(tmp_path):
    """200 pairs of names and words: only denied, unknown, granted count, never the name."""
    draw, wrong = random.Random(0), []
    pairs = [(draw.sample(NAMES, 2), [draw.choice(STRICT) for _ in range(4)]) for _ in range(200)]
    write_manifest(tmp_path / "export")
    # all pairs at once: user i is in the two files of pair i; each of the 7 names is one file
    rows: dict[str, list[dict]] = {name: [] for name in NAMES}
    for i, (names, words) in enumerate(pairs):
        for name, said in zip(names, (words[:2], words[2:]), strict=True):
            rows[name].append(
                {"user_id": f"u{i}", "created_at": DAY, "city": name}
                | {"consent_analytics": said[0], "consent_marketing": said[1]}
            )
    files = {name: pd.DataFrame(found) for name, found in rows.items()}
    seen = None
    for order in some([NAMES, draw.sample(NAMES, 7), NAMES[::-1]]):
        ds = deliver(tmp_path, files, order)
        seen = seen or digests(ds.store)
        assert digests(ds.store) == seen and conserved(ds)
    shown = ds.users.to_pandas().set_index("user_id")
    for i, (names, words) in enumerate(pairs):
        for column, said in (("consent_analytics", words[::2]), ("consent_marketing", words[1::2])):
            said = [w for w in said if w]
            right = max(said, key=STRICT.index) if said else None
            found = shown.loc[f"u{i}", column]
            wrong += [] if (None if pd.isna(found) else found) == right else [(names, words, found)]
        assert shown.loc[f"u{i}", "city"] == max(names, key=NAMES.index)  # the other columns are the later row's
    assert not wrong


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_and_a_deletion_are_not_undone_by_a_name(tmp_path, flag):
    files = {
        "users": user(**{flag: "true", "deleted_at": "2025-03-05", "city": "old"}),
        "users-2": user(**{flag: "false", "deleted_at": "", "city": "new"}),
        "users-3": user(city="newest"),
    }
    ds = in_every_order(tmp_path, files)
    shown = ds.users.to_pandas().iloc[0]
    assert shown[flag] and shown["city"] == "newest" and str(shown["deleted_at"]).startswith("2025-03-0")
    assert any("users: 1 of them keep a stricter value" in note for note in ds.report.notes)


def test_a_later_time_loosens_and_an_earlier_one_does_not(tmp_path):
    for last, first in (("2025-03-02", "2025-03-09"), ("2025-03-09", "2025-03-02")):
        files = {
            "users": user(consent_analytics="granted", personalization_opt_out="false", updated_at=last),
            "users-2": user(consent_analytics="denied", personalization_opt_out="true", updated_at=first),
        }
        ds = in_every_order(tmp_path, files)
        assert value(ds, "users", "consent_analytics") == ("granted" if last > first else "denied")
        assert value(ds, "users", "personalization_opt_out") == (last < first)
        assert any(
            note.endswith("1 by their time (updated_at, deleted_at or the extraction).") for note in ds.report.notes
        )


def test_a_deletion_is_undone_by_a_later_time_only(tmp_path):
    files = {
        "users": user(deleted_at="", updated_at="2025-03-09"),
        "users-2": user(deleted_at="2025-03-05", updated_at="2025-03-05"),
    }
    assert value(in_every_order(tmp_path, files), "users", "deleted_at") is None
    files["users"] = user(updated_at="2025-03-09")  # it says nothing of deletion
    assert value(in_every_order(tmp_path, files), "users", "deleted_at") is not None


def test_a_time_in_one_row_only_proves_nothing(tmp_path):
    """The row without a time is as of the extraction, at best: it loosens no refusal of a row with one, nor that it."""
    for timed, other in (("denied", "granted"), ("granted", "denied")):
        files = {
            "users": user(consent_analytics=timed, updated_at="2025-03-09"),
            "users-2": user(consent_analytics=other),
        }
        assert value(in_every_order(tmp_path, files), "users", "consent_analytics") == "denied"


def test_a_time_after_the_extraction_is_no_time(tmp_path):
    files = {
        "users": user(consent_analytics="granted", updated_at="2027-01-01"),
        "users-2": user(consent_analytics="denied", updated_at="2025-03-09"),
    }
    assert value(in_every_order(tmp_path, files), "users", "consent_analytics") == "denied"


@pytest.mark.parametrize("how", ["manifest", "column"])
def test_a_later_extraction_loosens(tmp_path, how):
    folder = tmp_path / "export"
    write_manifest(folder)
    for day, said in (("2025-03-20", "granted"), ("2025-03-10", "denied")):
        where, frame = folder, user(consent_analytics=said)
        if how == "manifest":
            where = folder / "later" if said == "granted" else folder / "zz"
            write_manifest(where, extracted_at=day)
        else:
            frame = frame.assign(extracted_at=day)
        write_table(frame, where / f"users-{1 if said == 'granted' else 2}.csv")
        ds = Dataset("test", ingest(folder, tmp_path / "store"), folder)
    assert value(ds, "users", "consent_analytics") == "granted" and conserved(ds)


CHANGES = [
    ("orders", "status", "paid", "cancelled"),
    ("courses", "price", "199.00", "129.00"),
    ("memberships", "status", "active", "expired"),
]


def rows(table: str, **fields: str) -> pd.DataFrame:
    if table == "memberships":
        period = {"current_period_start": "2025-03-01", "current_period_end": "2025-04-01", "interval": "month"}
        first = {"membership_id": "p1", "user_id": "u1", "plan_id": "c1", "period_no": "1", "price": "25"}
        return pd.DataFrame([first | period | {"currency": "CNY"} | fields])
    return frames()[table].head(1).assign(**fields)


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize(("table", "column", "old", "new"), CHANGES)
def test_the_later_name_wins_in_every_table(tmp_path, table, column, old, new, swap):
    """Once with the alphabetically greater value last, once with the smaller."""
    old, new = (new, old) if swap else (old, new)
    price = (lambda v: float(v)) if column == "price" else (lambda v: v)
    for names, rule in (
        ((table, f"{table}-2"), "order of the files' names"),
        ((f"{table}-2", f"{table}-10"), "order of the files' names"),
        ((f"{table}-20250301", f"{table}-2025-03-02"), "date in the file's name"),
    ):
        files = {name: rows(table, **{column: said}) for name, said in zip(names, (old, new), strict=True)}
        ds = in_every_order(tmp_path, files)
        assert value(ds, table, column) == price(new)
        assert any(note.startswith(f"{table}: 1 keys") and f"1 by the {rule}" in note for note in ds.report.notes)


@pytest.mark.parametrize(("table", "column", "old", "new"), CHANGES)
def test_the_later_row_of_a_file_wins(tmp_path, table, column, old, new):
    for first, last in ((old, new), (new, old)):
        both = pd.concat([rows(table, **{column: first}), rows(table, **{column: last})])
        ds = deliver(tmp_path, {table: both}, [table])
        assert value(ds, table, column) == (float(last) if column == "price" else last)
        assert any("1 by the place in the file. A column updated_at would" in note for note in ds.report.notes)


def test_what_came_twice_alike_is_no_contradiction(tmp_path):
    files = {"courses": rows("courses"), "courses-2": frames()["courses"]}
    ds = deliver(tmp_path, files, list(files))
    assert ds.superseded.to_pandas()["fate"].tolist() == ["duplicate"] and ds.report.notes == []


@pytest.mark.parametrize(("table", "column", "old", "new"), CHANGES)
def test_updated_at_overrules_names_and_places(tmp_path, table, column, old, new):
    files = {
        f"{table}-2": rows(table, **{column: old}, updated_at="2025-03-02"),
        f"{table}-1": rows(table, **{column: new}, updated_at="2025-03-03T00:00:00Z"),
    }
    ds = in_every_order(tmp_path, files)
    assert value(ds, table, column) == (float(new) if column == "price" else new)


def test_what_was_said_again_last_is_shown_again(tmp_path):
    """Paid, cancelled, paid again: also when the third file has the bytes of the first."""
    files = {name: rows("orders", status=said) for name, said in (("orders", "paid"), ("orders-2", "cancelled"))}
    files["orders-3"] = files["orders"]
    assert value(in_every_order(tmp_path, files), "orders", "status") == "paid"
    files["orders-4"] = files["orders-2"].assign(fee="1.00")
    assert value(deliver(tmp_path, files, sorted(files)), "orders", "status") == "cancelled"


def test_a_split_that_keeps_the_order_changes_nothing(tmp_path):
    """All rows in one file, or cut anywhere into files whose names follow one another."""
    draw = random.Random(1)
    said = [
        {"user_id": f"u{draw.randrange(4)}", "created_at": DAY, "city": str(draw.randrange(3))}
        | {"consent_analytics": draw.choice(["granted", "denied", "unknown", ""])}
        | {"updated_at": draw.choice(["", "2025-03-02", "2025-03-03"])}
        for _ in range(30)
    ]
    frame = pd.DataFrame(said)
    whole = digests(deliver(tmp_path / "one", {"users": frame}, ["users"]).store)
    for _ in range(4):
        cuts = [0, *sorted(draw.sample(range(1, 30), 3)), 30]
        files = {f"users-{i}": frame.iloc[a:b] for i, (a, b) in enumerate(itertools.pairwise(cuts))}
        order = draw.sample(sorted(files), len(files))
        assert digests(deliver(tmp_path / "many", files, order).store) == whole


def test_a_renamed_file_is_read_anew(tmp_path):
    files = {"users-1": user(city="a"), "users-2": user(city="b")}
    ds = deliver(tmp_path, files, ["users-1", "users-2"])
    (ds.source / "users-1.csv").rename(ds.source / "users-3.csv")
    assert value(Dataset("test", ingest(ds.source, ds.store), ds.source), "users", "city") == "a"


def test_a_row_that_comes_back_from_quarantine_takes_its_place(tmp_path):
    """The first file waits for its unit of time; when it is let in, the second is still the later."""
    folder, store = tmp_path / "export", tmp_path / "store"
    write_manifest(folder)
    write_manifest(folder / "orders-1")
    write_table(rows("orders", status="paid", timestamp="1740792600000"), folder / "orders-1" / "orders.csv")
    write_table(rows("orders", status="cancelled"), folder / "orders-2.csv")
    ingest(folder, store)
    write_manifest(folder / "orders-1", timestamp_unit="ms")
    assert replay(folder, store) == 1
    ds = Dataset("test", store, folder)
    assert value(ds, "orders", "status") == "cancelled" and conserved(ds)
    assert digests(store) == digests(ingest(folder, tmp_path / "fresh"))
    write_table(rows("orders", status="paid", fee="2.00"), folder / "orders-3.csv")  # what was fixed stays known
    ds = Dataset("test", ingest(folder, store), folder)
    assert value(ds, "orders", "status") == "paid" and ds.quarantine.to_pandas()["status"].tolist() == ["fixed"]


def test_a_mapping_names_the_column_of_the_time(tmp_path):
    folder = tmp_path / "export"
    write_manifest(folder, source_format="mapped")
    columns = "{updated_at: 更新时间, consent_analytics: 同意}"
    (folder / "mapping.yml").write_text(f"users*.csv:\n  table: users\n  columns: {columns}\n", encoding="utf-8")
    for name, said, time in (("users-1", "同意", "2025-03-05"), ("users-2", "拒绝", "2025-03-01")):
        write_table(user(同意=said, 更新时间=time), folder / f"{name}.csv")
    ds = Dataset("test", ingest(folder, tmp_path / "store"), folder)
    assert value(ds, "users", "consent_analytics") == "granted"


@pytest.mark.parametrize("time", [None, "2025-03-09T00:00:00Z"])
def test_traits_that_say_nothing_of_consent_loosen_nothing(tmp_path, time):
    """A later delivery of identify calls without consent and deletion; and one that grants, with a time or without."""
    folder = tmp_path / "export"
    write_manifest(folder, source_format="segment", business_user_id_column="userId")
    no = {"consent_analytics": "denied", "deleted_at": "2025-03-02T00:00:00Z", "personalization_opt_out": True}
    times = {"updatedAt": time} if time else {}
    for name, traits in (
        ("2025-03-02", no | ({"updatedAt": "2025-03-02T00:00:00Z"} if time else {})),
        ("2025-03-03", {"city": "Wuhan"} | times),
    ):
        call = {"type": "identify", "messageId": name, "userId": "u1", "timestamp": "2025-03-01T00:00:00Z"}
        write_manifest(folder / name, source_format="segment", business_user_id_column="userId", extracted_at=name)
        call["traits"] = {"createdAt": "2025-03-01T00:00:00Z"} | traits
        (folder / name / "calls.jsonl").write_text(json.dumps(call), encoding="utf-8")
        ds = Dataset("test", ingest(folder, tmp_path / "store"), folder)
    shown = ds.users.to_pandas().iloc[0]
    assert shown["city"] == "Wuhan" and shown["consent_analytics"] == "denied"
    assert shown["personalization_opt_out"] and not pd.isna(shown["deleted_at"])
    call["traits"] |= {"consent_analytics": "granted", "personalization_opt_out": False}
    (folder / name / "more.jsonl").write_text(json.dumps(call), encoding="utf-8")
    shown = Dataset("test", ingest(folder, tmp_path / "store"), folder).users.to_pandas().iloc[0]
    assert shown["consent_analytics"] == "granted" and not shown["personalization_opt_out"]


def test_the_tier_of_a_membership_is_not_taken_for_its_time(tmp_path):
    """A column of the table has the name of an old column of `ranked`: the note said the time had decided."""
    names = ("memberships", "memberships-2")
    for first, last in (("basic", "pro"), ("pro", "basic")):
        files = {
            n: rows("memberships", status="active", tier=tier) for n, tier in zip(names, (first, last), strict=True)
        }
        ds = in_every_order(tmp_path, files)
        assert value(ds, "memberships", "tier") == last
        assert any("1 by the order of the files' names" in note for note in ds.report.notes)
