"""What the rules of a row look into, as `schema.Rule` names it: prices, the lines of orders, the ids of users."""

from dataclasses import replace

from knowpay.collect.ingest import money
from knowpay.collect.ingest.load import Connection, Rows, Sources, reading
from knowpay.collect.ingest.typed import select
from knowpay.collect.schema import LISTED, TABLES, Table
from knowpay.collect.store import Store, TableRecord


def look_up(con: Connection, store: Store, table: Table, tables: dict[str, TableRecord], sources: Sources) -> None:
    """Make the tables and variables that the rules of a table use; `tables` are those that are loaded already."""
    if table.name == "users":
        _user_ids(con, sources.rows(table, sources.files))
    if table.name in LISTED:
        _prices(con, store, tables)
        items = sources.rows(TABLES["order_items"], sources.files) if table.name == "orders" else []
        _baskets(con, items)
        con.execute(f"SET VARIABLE has_order_items = {bool(items)}")


def _user_ids(con: Connection, users: list[Rows]) -> None:
    """All ids in the users files, good rows or not: an inviter in quarantine is still a user."""
    con.execute("CREATE OR REPLACE TEMP TABLE user_ids (user_id VARCHAR)")
    table = replace(TABLES["users"], columns=TABLES["users"].columns[:1])  # to plan the others takes longer
    for rows in users:
        name = rows.manifest.business_user_id_column.lower()
        ids = {n: column for n, column in rows.batch.columns.items() if n.lower() == name}
        typed, missing = select(table, replace(rows.batch, columns=ids), rows.manifest)
        if "user_id" not in missing:
            with reading(rows.file.name):
                con.execute(f"INSERT INTO user_ids SELECT user_id FROM {typed} WHERE user_id IS NOT NULL")


def _prices(con: Connection, store: Store, tables: dict[str, TableRecord]) -> None:
    """What a row should cost: by the loaded catalogue, and by the loaded orders."""
    for name, of, price in (("catalogue", "courses", "price"), ("paid", "orders", money.BEFORE_DISCOUNT)):
        key = TABLES[of].key[0]
        sql = f"SELECT NULL::VARCHAR AS {key}, NULL::DOUBLE AS price WHERE false"
        if of in tables:
            sql = f"SELECT {key}, {price} AS price FROM {store.rows(*tables[of].parts.values())}"
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")


def _baskets(con: Connection, items: list[Rows]) -> None:
    """The lines of the orders as they came, in quarantine or not: one in the wrong unit still says what was bought."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE lines ({money.LINES})")
    for rows in items:
        typed, _ = select(TABLES["order_items"], rows.batch, rows.manifest)
        with reading(rows.file.name):
            con.execute(
                f"""INSERT INTO lines SELECT order_id, line_no, product_id, price, quantity FROM {typed}
                WHERE order_id IS NOT NULL AND quantity > 0"""
            )
    con.execute("CREATE OR REPLACE TEMP TABLE baskets AS " + money.BASKETS)
