"""The unit of money, tested at every price: yuan read as fen, or fen as yuan, is off by a hundred.

Of each row that has both, what is paid is divided by what it should cost (`schema.LISTED`: the list prices of what was
bought, or the prices of its lines). Discounts, refunds and free courses leave the ratio near 1 or do not enter; another
unit moves it to 100 or 1/100. When most rows of a file are off on the same side, the file is not in the unit that its
manifest declares, and nothing of it is loaded. When only a month or a product is, or no row can be compared, that is a
doubt: the report begins with it.
"""

from collections.abc import Iterator

import duckdb

from knowpay.collect.schema import CATALOGUED, LISTED, Table
from knowpay.collect.store import Verdict

ABOVE = 20  # times the list price: no quantity or longer plan explains it, but fen at an eighty per cent discount do
BELOW = 50  # the list price divided by it: an offer at a twentieth of the price is no other unit
LEAST = 3  # rows that must be off before a whole file, or a month of it, is accused
ENOUGH = 5  # rows with a list price that acquit a file
PRODUCT = 5  # orders of one product that must all be off before its list price is doubted

BEFORE_DISCOUNT = "nullif(coalesce(subtotal, total + coalesce(discount, 0)), 0)"  # of an order
LINES = "order_id VARCHAR, line_no BIGINT, product_id VARCHAR, price DOUBLE, quantity BIGINT"
# Of the lines of each order (`lines`): the sum of their list prices where all have one, and that of their prices.
BASKETS = """SELECT order_id,
    CASE WHEN bool_and(c.price IS NOT NULL) THEN nullif(sum(c.price * quantity), 0) END AS listed,
    nullif(sum(l.price * quantity), 0) AS asked
    FROM (SELECT DISTINCT * FROM lines) l LEFT JOIN catalogue c USING (product_id) GROUP BY order_id"""

_COUNTS = "count(*), count_if(tested), count_if(known), count_if(above), count_if(below)"


def price(table: Table) -> str:
    """The column of the table that holds what is paid."""
    return "total" if table.name == "orders" else "price"


def judge(con: duckdb.DuckDBPyConnection, table: Table, files: list[tuple[str, str]]) -> dict[int, Verdict]:
    """Judge the staged rows of each file; `files` are (name, declared unit) in the order of their numbers."""
    _compare(con, table)
    verdicts, off = {number: Verdict() for number in range(len(files))}, 0
    for number, rows, tested, known, above, below in con.execute(
        f"SELECT batch, {_COUNTS} FROM judged GROUP BY 1"
    ).fetchall():
        name, unit = files[number]
        off += above + below
        if side := _side(known, above, below):
            said = _said(name, table, max(above, below), known, side)
            verdicts[number].refused = f"{said} {_remedy(name, unit, side)}"
        elif tested < min(ENOUGH, rows) and table.name != "order_items":  # lines are tested by their orders
            verdicts[number].doubts.append(
                f"{name}: only {tested:,} of {rows:,} amounts have a list price; whether they are in {unit}, as "
                "declared, could not be tested. Compare one with a receipt, or export courses with their prices."
            )
    passed = {number: name for number, (name, _) in enumerate(files) if not verdicts[number].refused}
    for number, doubt in [*_months(con, table, passed), *_products(con, passed)] if off else ():
        verdicts[number].doubts.append(doubt)
    return verdicts


def _months(con: duckdb.DuckDBPyConnection, table: Table, passed: dict[int, str]) -> Iterator[tuple[int, str]]:
    """(number of the file, doubt) of the months of files that are in another unit than the others."""
    query = f"SELECT batch, month, {_COUNTS} FROM judged WHERE month IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
    for number, when, _, _, known, above, below in con.execute(query).fetchall():
        side = _side(known, above, below)
        if side and number in passed:
            said = _said(passed[number], table, max(above, below), known, side, f"in {when} ")
            yield number, f"{said} Put that month into a folder with a manifest that declares its unit."


def _products(con: duckdb.DuckDBPyConnection, passed: dict[int, str]) -> Iterator[tuple[int, str]]:
    """The same of the products whose list price no price paid agrees with."""
    for number, off, some in con.execute(
        f"""SELECT batch, count(*), string_agg(product, ', ' ORDER BY product) FROM (
            SELECT batch, product FROM judged WHERE known GROUP BY 1, 2
            HAVING count(*) >= {PRODUCT} AND (bool_and(above) OR bool_and(below))) GROUP BY 1 ORDER BY 1"""
    ).fetchall():
        if number in passed:
            yield (
                number,
                f"courses: the list price of {off:,} products is about 100 times off every price paid in "
                f"{passed[number]}: {some[:60]}. Is their file in another unit? It then needs a manifest of its own.",
            )


def _compare(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Put each paid amount beside what it should be, into `judged`."""
    paid, listed = price(table), LISTED[table.name]
    month = {"orders": "timestamp", "memberships": "current_period_start"}.get(table.name)
    month = f"strftime({month}, '%Y-%m')" if month else "NULL"
    product = "plan_id" if table.name == "memberships" else "product_id"
    told = "(paid + coalesce(discount, 0)) / listed BETWEEN 0.8 AND 1.25" if "discount" in table.names else "false"
    more = ", discount, subtotal" if table.name == "orders" else ", discount" if table.name == "order_items" else ""
    most = "greatest(paid, subtotal)" if table.name == "orders" else "paid"
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE judged AS
        SELECT batch, month, product, coalesce({most} >= {ABOVE} * listed, false) AS above,
            coalesce(paid <= listed / {BELOW} AND NOT coalesce({told}, false), false) AS below,
            listed IS NOT NULL AS known, tested
        FROM (SELECT batch, {month} AS month, {product} AS product, {paid} AS paid, {listed} AS listed,
                {CATALOGUED[table.name]} IS NOT NULL AS tested{more}
              FROM stage r WHERE {paid} > 0)"""
    )


def _side(known: int, above: int, below: int) -> int:
    """1 when most rows are too high, -1 when most are too low, else 0."""
    if max(above, below) < LEAST or 2 * max(above, below) <= known:
        return 0
    return 1 if above > below else -1


def _said(name: str, table: Table, off: int, known: int, side: int, when: str = "") -> str:
    what = "what is paid" if table.name == "orders" else f"the price of {table.name}"
    times = "100 times" if side > 0 else "a hundredth of"
    return f"{name}: {when}{what} is about {times} the list price in {off:,} of {known:,} rows."


def _remedy(name: str, unit: str, side: int) -> str:
    other, where = ("fen", "yuan")[unit == "fen"], "the manifest.yml above it (or its entry in mapping.yml)"
    if (side > 0) == (unit == "yuan"):
        return f"Write `money_unit: {other}` into {where}; nothing of {name} is loaded before."
    return (
        f"Then courses are in another unit than declared: put them into a folder whose manifest.yml says "
        f"`money_unit: {'fen' if side < 0 else 'yuan'}`; nothing of {name} is loaded before."
    )
