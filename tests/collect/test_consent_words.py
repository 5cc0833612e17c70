"""Consent and flags in the words of many exports; who waits in quarantine is known to the data set."""

import json

import pandas as pd
import pytest
from collect_exports import DAY, frames, report
from knowpay.collect.dataset import Dataset
from knowpay.collect.ingest import ingest

GRANTED = ["granted", "Granted", " GRANTED ", "同意", "TRUE", "yes", "1", "是", "\topt_in"]
DENIED = ["Denied", "denied", "拒绝", "\u3000拒绝", "FALSE", "no", "0", "否", "opt_out", "Opt_Out "]
UNKNOWN = ["未知", "Unknown"]


@pytest.mark.parametrize("column", ["consent_analytics", "consent_marketing"])
def test_consent_is_understood_in_any_spelling(opened, column):
    words = [*((w, "granted") for w in GRANTED), *((w, "denied") for w in DENIED), *((w, "unknown") for w in UNKNOWN)]
    words += [("", None), ("  ", None)]
    users = pd.DataFrame({"user_id": [f"u{i:02d}" for i in range(len(words))], "created_at": DAY})
    ds = opened(users=users.assign(**{column: [w for w, _ in words]}))
    found = ds.users.to_pandas().set_index("user_id")[column]
    assert report(ds, "users")["quarantined"] == 0
    assert [None if pd.isna(v) else v for v in found.loc[users["user_id"]]] == [right for _, right in words]


@pytest.mark.parametrize("column", ["personalization_opt_out", "under_14", "is_test", "is_staff", "is_bot"])
def test_flags_are_understood_in_any_spelling(opened, column):
    words = dict.fromkeys(("是", "TRUE", "Yes", "1", "真", "\u3000是"), True)
    words |= dict.fromkeys(("否", "False", "NO", "0", "假", ""), False)
    users = pd.DataFrame({"user_id": [f"u{i:02d}" for i in range(len(words))], "created_at": DAY, column: list(words)})
    ds = opened(users=users)
    assert report(ds, "users")["quarantined"] == 0
    assert ds.users.to_pandas().set_index("user_id")[column].tolist() == list(words.values())


def test_typed_parquet_says_consent_with_true_and_numbers(opened):
    users = pd.DataFrame({"user_id": ["u0", "u1"], "created_at": DAY, "consent_analytics": [True, False]})
    ds = opened(kind="parquet", users=users.assign(consent_marketing=[1.0, 0.0]))
    found = ds.users.to_pandas().set_index("user_id")
    assert found["consent_analytics"].tolist() == found["consent_marketing"].tolist() == ["granted", "denied"]


def waiting(ds) -> set[str]:
    return set(ds.con.table("waiting_users").to_pandas()["user_id"])


def test_who_waits_is_known_and_nobody_else(opened):
    """A word that nobody understands, a wrong date, a ragged row; beside a good row of the same person or not."""
    users = frames()["users"].assign(consent_analytics=["perhaps", "granted", "", "", "", ""])
    users.loc[2, "created_at"] = "never"
    again = users.loc[[0]].assign(consent_analytics="granted")
    ds = opened(users=pd.concat([users, again]))
    assert waiting(ds) == {"u0", "u2"} and "u0" in set(ds.users.to_pandas()["user_id"])
    assert waiting(opened()) == set()


def test_who_waits_in_a_row_with_too_many_fields(export, tmp_path):
    folder = export()
    text = (folder / "users.csv").read_text() + f"u9,{DAY},organic,surplus\n"
    (folder / "users.csv").write_text(text)
    assert waiting(Dataset("test", ingest(folder, tmp_path / "store"), folder)) == {"u9"}


def test_who_waits_under_the_name_of_the_source(opened):
    users = frames()["users"].rename(columns={"user_id": "会员号"}).assign(consent_analytics="perhaps")
    events = frames()["events"].rename(columns={"user_id": "会员号"})
    orders = frames()["orders"].rename(columns={"user_id": "会员号"})
    ds = opened(manifest={"business_user_id_column": "会员号"}, users=users, events=events, orders=orders)
    assert waiting(ds) == set(users["会员号"])


def test_who_waits_for_a_column_that_the_file_has_not(opened):
    assert waiting(opened(users=frames()["users"].drop(columns="created_at"))) == {f"u{i}" for i in range(6)}


def test_who_waits_in_the_calls_of_a_tool(export, tmp_path):
    folder = export(
        manifest={"source_format": "segment", "business_user_id_column": "userId"}, users=None, events=None, orders=None
    )
    call = {"type": "identify", "messageId": "m1", "userId": "u7", "timestamp": DAY}
    call |= {"traits": {"createdAt": DAY, "consent_analytics": "perhaps"}}
    (folder / "events.jsonl").write_text(json.dumps(call), encoding="utf-8")
    assert waiting(Dataset("test", ingest(folder, tmp_path / "store"), folder)) == {"u7"}
