"""What the export remembers of the truth: devices, counts, and faults at their stated rates."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from knowpay.world import (
    behaviour,
    company,
    export,
    observe,
    people,
)
from world_records import off


@pytest.fixture(scope="module")
def arrived(standard: company.Company, first: company.Block) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The events of a block in order of arrival, and their faults as columns."""
    row, marks, numbers = observe.events(standard.setup, first.who, first.events, 0)
    return pd.DataFrame(row).assign(number=numbers[row["device"]]), pd.DataFrame(marks)


@pytest.fixture(scope="module")
def sent(standard: company.Company, first: company.Block) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The order rows of a block as exported, and ``row, fault`` of those that are spoiled."""
    return observe.orders(standard.setup, first.who, first.orders, 0)


def test_identity_lists_exactly_the_devices_used(
    small: company.Company, block: company.Block, truth: SimpleNamespace
) -> None:
    used = np.unique(2 * block.events["user"].astype(int) + block.events["second"])
    assert truth.identity["anonymous_id"].tolist() == company.device_ids(used).to_pylist()
    assert truth.identity["user_id"].tolist() == small.user_ids.to_pandas()[used // 2].tolist()


def test_sessions_by_hand() -> None:
    log = {"user": np.array([1, 1, 1, 2]), "time": np.array([0.0, 1800.0, 3601.0, 3601.0])}
    assert behaviour.count_sessions(log) == 3


def test_counts_in_the_truth_are_those_of_the_clean_log(folders: tuple[Path, Path], block: company.Block) -> None:
    info = yaml.safe_load((folders[1] / "truth.yml").read_text("utf-8"))
    assert info["clean_events"] == len(block.events["time"])
    assert info["sessions"] == behaviour.count_sessions(block.events)


def test_every_fault_is_planted_somewhere(standard: company.Company, first: company.Block) -> None:
    assert set(export.block_tables(standard, first)[1]["fault"]) == set(observe.FAULTS)


@pytest.mark.parametrize(("fault", "where"), [("fen", observe.FEN), ("time_zone", observe.TIME_ZONE)])
def test_a_fault_of_orders_strikes_all_of_one_place_in_its_weeks(
    fault: str, where: tuple[str, str, str], sent: tuple[pd.DataFrame, pd.DataFrame], first: company.Block
) -> None:
    row, bad = sent
    struck = row.loc[bad.loc[bad["fault"] == fault, "row"], "number"]
    there = (first.orders["affiliation"] == where[0]) & observe.during(first.orders["time"], *where[1:])
    assert there.any() and sorted(struck) == first.orders.index[there].tolist()


@pytest.mark.parametrize(
    ("fault", "where"),
    [("id_lost", observe.ID_LOST), ("type_drift", observe.TYPE_DRIFT), ("name_drift", observe.NAME_DRIFT)],
)
def test_a_fault_of_a_release_strikes_its_platform_in_its_weeks(
    fault: str, where: tuple[str, ...], arrived: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    row, marks = arrived
    struck = marks[fault] & ~marks["skew"]
    assert struck.any() and (row["platform"][struck] == people.DEVICES.index(where[0])).all()
    assert observe.during(row["original"][struck], *where[1:3]).all()


def test_events_come_again_and_clocks_are_wrong_as_often_as_stated(arrived: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    row, marks = arrived
    once = pd.concat([row[["message", "number"]], marks], axis=1)[~marks["bot"]]
    assert off(once.groupby("message")["duplicate"].any(), observe.DUPLICATED) < 4
    assert off(once[~once["consent"]].groupby("number")["skew"].first(), observe.SKEWED) < 4


def test_faults_of_orders_come_as_often_as_stated(
    sent: tuple[pd.DataFrame, pd.DataFrame], first: company.Block
) -> None:
    (row, bad), clean = sent, first.orders
    hits = {f: clean.index.isin(row.loc[rows, "number"]) for f, rows in bad.groupby("fault")["row"]}
    spoiled = np.any([hits[f] for f in ("missing_id", "order_type", "time_zone", "fen", "float_money")], axis=0)
    back = (clean["refund"] > 0).to_numpy()
    for fault, among, share in (
        ("missing_id", np.ones(len(clean), dtype=bool), observe.MISSING_ID),
        ("order_type", (clean["order_type"] == "renewal").to_numpy(), observe.MISLABELLED),
        ("float_money", ~hits["fen"] & ~back, observe.FLOAT),
        ("refund_twice", ~hits["fen"] & back, observe.REFUND_TWICE),
        ("repeated_order", ~spoiled & ~hits["refund_twice"], observe.REPEATED),
    ):
        assert off(hits[fault][among], share) < 4, fault


def test_spoiled_rows_carry_the_ids_of_the_export(folders: tuple[Path, Path], truth: SimpleNamespace) -> None:
    for (name, file), bad in truth.spoiled.groupby(["table", "source_file"]):
        ids = pq.read_table(folders[0] / file).column(0).to_pandas()
        there = ids.iloc[bad["source_row"] - 1].reset_index(drop=True)
        assert there.equals(bad["id"].reset_index(drop=True)), name


def test_the_truth_tells_what_each_text_is_about(truth: SimpleNamespace, block: company.Block) -> None:
    for name in ("aspect", "sentiment", "cause"):
        assert truth.reviews[name].tolist() == block.reviews[name].tolist()


def test_test_accounts_that_are_not_flagged_are_remembered(
    folders: tuple[Path, Path], truth: SimpleNamespace, small: company.Company
) -> None:
    users = pd.read_parquet(folders[0] / "users.parquet").set_index("user_id")
    hidden = truth.spoiled.loc[truth.spoiled["fault"] == "test_account", "id"]
    real = small.user_ids.to_pandas()[small.users["is_test"]]
    assert set(hidden) == set(real) - set(users.index[users["is_test"]])


def test_the_policies_of_the_oracle_are_worth_at_least_those_of_everybody(truth: SimpleNamespace) -> None:
    assert (truth.policies["oracle"] >= truth.policies["everybody"].clip(lower=0)).all()
    assert truth.policies["people"].sum() == len(truth.touches)
