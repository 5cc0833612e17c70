"""datasets/world.md, the card of the simulated company, says what the company is now."""

import pandas as pd
import pytest
from knowpay.world import company, observe
from knowpay_course import ROOT
from knowpay_course.maintain import bands, calibrate

PAGE = (ROOT / calibrate.PAGE).read_text("utf-8")


@pytest.mark.parametrize("section", [calibrate.OPENING, calibrate.knobs(), calibrate.truth_tables(), calibrate.SIMPLER])
def test_the_card_is_up_to_date(section):
    assert section.strip() in PAGE, "run `knowpay-course calibrate`"


def test_the_card_has_the_figures_of_the_company():
    table = bands.measure(company.found(calibrate.SIZE))
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]
    for name, row in table.iterrows():
        begin = f"| {name} | {calibrate.digits(row['measured'])} |"
        assert sum(line.startswith(begin) for line in lines) == 1, (
            f"{begin} is not there: run `knowpay-course calibrate`"
        )


def test_the_card_names_every_fault_and_no_other():
    found = [line.split(" | ")[1].strip("`") for line in PAGE.splitlines() if line.count("|") == 7 and " | `" in line]
    assert found and set(found) == set(observe.FAULTS)


def test_planted_faults_are_counted_by_table():
    counted = calibrate.planted("small")
    assert set(counted.columns) == {"table", "fault", "rows", "share"}
    assert (counted["rows"] > 0).all() and counted["share"].between(0, 1).all()
    assert {"events", "orders", "users", "touches"} == set(counted["table"])


def test_a_quantity_outside_its_band_is_said():
    table = pd.DataFrame(
        {"measured": [9.0], "low": [1.0], "high": [5.0], "unit": ["%"], "definition": ["of all"], "source": ["a paper"],
         "grade": ["P"], "inside": [False]},
        index=["ever paying"],
    )  # fmt: skip
    page = calibrate.band_table(table, pd.DataFrame({1: [2.0], 2: [3.0]}, index=["ever paying"]))
    assert "| ever paying | 9.00 **outside** | 2.00 to 3.00 | 1 to 5 | % | P |" in page and page.count("0 of 1") == 1


@pytest.mark.parametrize(("value", "said"), [(249.73, "250"), (12.37, "12.4"), (0.338, "0.34"), (-2.591, "-2.59")])
def test_figures_are_written_with_three_digits(value, said):
    assert calibrate.digits(value) == said
