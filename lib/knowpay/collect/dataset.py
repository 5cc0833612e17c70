"""The Dataset: canonical tables of one company, lazy, whatever they came from."""

import shutil
import tempfile
import weakref
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from knowpay.collect import ExportError
from knowpay.collect.duck import quiet, quote
from knowpay.collect.privacy import permission
from knowpay.collect.schema import FATES, PAID, QUARANTINE, SQL_TYPES, TABLES
from knowpay.collect.store import Ledger, Store

if TYPE_CHECKING:
    from ibis.expr.types import Table

# What a customer paid less tax, refunds, and what app store, payment service and distributor keep; {fees} is the share
# of orders that say nothing of it.
_NET = """total - coalesce(tax, 0) - coalesce(refund_total, 0)
    - coalesce(coalesce(fee, 0) + commission, fee, {fees} * total)"""


class Report:
    """What ingest did, one line per table: rows_in = loaded + duplicate + superseded + quarantined."""

    def __init__(self, ledger: Ledger) -> None:
        self.notes = ledger.notes
        self._ledger = ledger

    @cached_property
    def batches(self):
        """pandas: table, file, batch_id, rows_in, loaded, duplicate, superseded, quarantined of each file."""
        import pandas as pd

        lines = [
            (table, f.file, f.batch_id, f.rows, *(getattr(f, x) for x in FATES)) for table, f in self._ledger.files()
        ]
        frame = pd.DataFrame(lines, columns=["table", "file", "batch_id", "rows_in", *FATES])
        return frame.sort_values(["table", "file"], ignore_index=True)

    @cached_property
    def rows(self):
        """pandas: table, rows_in, loaded, duplicate, superseded, quarantined."""
        sums = self.batches.groupby("table")[["rows_in", *FATES]].sum()
        return sums.reindex(list(TABLES), fill_value=0).reset_index(names="table")

    @cached_property
    def days(self):
        """pandas: date (local), rows, is_final, touched (by the last ingest) of the events.

        A day is final when the extraction lies more than the manifest's `lookback_days` after its end: later rows
        are still taken, and open it again.
        """
        import pandas as pd

        events, manifest = self._ledger.tables["events"], self._ledger.manifest
        rows = {day: part.rows for day, part in events.parts.items() if part.rows}
        frame = pd.DataFrame({"date": pd.to_datetime(list(rows)), "rows": list(rows.values())})
        day = pd.Timestamp(manifest["extracted_at"]).tz_convert(manifest["timezone"]).tz_localize(None).normalize()
        frame["is_final"] = frame["date"] + pd.Timedelta(days=manifest["lookback_days"]) < day
        frame["touched"] = frame["date"].dt.strftime("%Y-%m-%d").isin(events.touched)
        return frame.sort_values("date", ignore_index=True)

    def __repr__(self) -> str:
        return "\n".join([self.rows.to_string(index=False), *self.notes])

    def _repr_html_(self) -> str:
        from html import escape

        table = self.rows.to_html(index=False, border=0)
        return table + "".join(f"<p>{escape(note)}</p>" for note in self.notes)


class Truth:
    """What the simulator knows: every table of the folder as a pandas DataFrame, and `info`.

    A table is a Parquet file, or a folder of Parquet parts that are read in the order of their names.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def info(self) -> dict:
        """The content of truth.yml; empty when there is none."""
        import yaml

        path = self._folder / "truth.yml"
        return yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        """The Parquet files of each table, in order."""
        files: dict[str, list[Path]] = {}
        for path in sorted([*self._folder.glob("*.parquet"), *self._folder.glob("*/*.parquet")]):
            name = path.stem if path.parent == self._folder else path.parent.name
            files.setdefault(name, []).append(path)
        return files

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._files]

    def __getattr__(self, name: str):
        if name.startswith("_") or name not in self._files:
            raise AttributeError(f"The truth has no table {name!r}. It has: {', '.join(self._files)}.")
        frame = self._read(name)
        setattr(self, name, frame)
        return frame

    def _read(self, name: str):
        import pandas as pd

        return pd.concat([pd.read_parquet(path) for path in self._files[name]], ignore_index=True)


class _Canonical:
    """A table of the data set, made at its first use: to ask DuckDB for a schema takes 2 ms."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        meaning = TABLES[name].meaning if name in TABLES else f"The {name} rows of the ingest."
        self.__doc__ = f"{meaning} (Ibis table)"

    def __get__(self, ds: "Dataset", owner: type) -> "Table":
        if ds is None:
            return self
        ds.__dict__[self.name] = table = ds.con.table(self.name)  # from now on it is there, not here
        return table


class Dataset:
    """Canonical tables as lazy Ibis tables on DuckDB: `ds.users`, `ds.events`, … and `.to_pandas()` on each.

    Every canonical column exists; one that the source lacks is NULL, a table that it lacks is empty. Times are
    `datetime64[us, UTC]`, money is float64 in major units. Made by `knowpay.open`.
    """

    users = _Canonical()
    courses = _Canonical()
    events = _Canonical()
    orders = _Canonical()
    order_items = _Canonical()
    memberships = _Canonical()
    touches = _Canonical()
    reviews = _Canonical()
    interactions = _Canonical()
    market = _Canonical()
    identity_map = _Canonical()
    quarantine = _Canonical()
    superseded = _Canonical()

    def __init__(self, name: str, store: Path, source: Path, truth: Path | None = None) -> None:
        self.name, self.store, self.source = name, store, source
        self._files, self._truth = Store(store), truth
        self._raw: set[str] = set()
        self.manifest = MappingProxyType(self._files.ledger.manifest)
        self.report = Report(self._files.ledger)
        self.timezone: str = self.manifest["timezone"]
        self.currency: str = self.manifest["currency"]

    def __repr__(self) -> str:
        rows = self.report.rows
        tables = ", ".join(f"{t} {n:,}" for t, n in zip(rows["table"], rows["loaded"], strict=True) if n)
        return f"<knowpay data set {self.name}: {tables}>"

    @cached_property
    def _scratch(self) -> Path:
        """The folder of the working copies that `raw` reads; it goes with the data set."""
        folder = Path(tempfile.mkdtemp(prefix="knowpay-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    @cached_property
    def con(self):
        """The Ibis connection: DuckDB in memory, in UTC, with one view per table."""
        import ibis

        con = ibis.duckdb.connect()
        con.raw_sql("SET TimeZone = 'UTC'")
        con.raw_sql(f"SET temp_directory = {quote(tempfile.gettempdir() + '/knowpay')}")  # not where the reader stands
        quiet(con.con)
        for table in TABLES.values():
            # pandas has no missing whole number: one that may be missing is float64, whether one is or not
            money = [
                f'CAST("{c.name}" AS DOUBLE) AS "{c.name}"'
                for c in table.columns
                if c.type == "dec" or (c.type == "int" and not c.required)
            ]
            columns = "* EXCLUDE (_last)" + (f" REPLACE ({', '.join(money)})" if money else "")
            if table.name == "orders":
                net = _NET.format(fees=self.manifest["fee_share"] or 0)
                columns += f", CAST({net} AS DOUBLE) AS net_revenue"
            rows = self._files.rows(*self._files.ledger.tables[table.name].parts.values())
            con.raw_sql(f"CREATE VIEW {table.name} AS SELECT {columns} FROM {rows}")
        for name, sql in self._aside().items():
            con.raw_sql(f"CREATE VIEW {name} AS {sql}")
        con.raw_sql(f"CREATE VIEW paid_orders AS FROM orders WHERE status IN {PAID}")
        for name, sql in permission.views(self.manifest["contains_personal_data"]).items():
            con.raw_sql(f"CREATE VIEW {name} AS {sql}")
        if not self._files.ledger.tables["order_items"].files:
            con.raw_sql(
                """CREATE OR REPLACE VIEW order_items AS SELECT order_id, CAST(1 AS BIGINT) AS line_no, product_id,
                coalesce(subtotal, total + coalesce(discount, 0)) AS price, CAST(1 AS BIGINT) AS quantity, discount,
                coupon, CAST(NULL AS DOUBLE) AS position, CAST(NULL AS VARCHAR) AS properties
                FROM orders WHERE product_id IS NOT NULL"""
            )
        return con

    def _aside(self) -> dict[str, str]:
        """SQL of what is not in the tables: rows that wait in quarantine, superseded versions and duplicates."""
        rows, tables = self._files.rows, sorted(self._files.ledger.tables.items())
        files = [file for _, record in tables for file in sorted(record.files, key=lambda file: file.batch_id)]
        none = ", ".join(f'NULL::{SQL_TYPES[kind]} AS "{name}"' for name, kind in QUARANTINE.items())
        waiting = f"SELECT {none} WHERE false"
        if errors := [file.errors for file in files if file.errors]:
            waiting += f" UNION ALL FROM {rows(*errors)}"
        aside = """SELECT NULL::VARCHAR AS "table", NULL::VARCHAR AS fate, NULL::VARCHAR AS source_file,
            NULL::BIGINT AS source_row, NULL::VARCHAR AS row_json WHERE false"""
        for name, record in tables:
            if record.superseded:
                aside += f""" UNION ALL SELECT {quote(name)}, 'superseded', NULL, NULL, CAST(to_json(s) AS VARCHAR)
                    FROM (SELECT * EXCLUDE (_last) FROM {rows(record.superseded)}) AS s"""
        if again := [file.duplicates for file in files if file.duplicates]:
            aside += (
                f""" UNION ALL SELECT "table", 'duplicate', source_file, source_row, row_json FROM {rows(*again)}"""
            )
        return {
            "quarantine": f"SELECT * EXCLUDE (_user_id) FROM ({waiting})",
            "waiting_users": f"""SELECT DISTINCT _user_id AS user_id FROM ({waiting})
                WHERE "table" = 'users' AND status = 'waiting' AND _user_id IS NOT NULL""",
            "superseded": aside,
        }

    def _moment(self, name: str):
        import pandas as pd

        return pd.Timestamp(self.manifest[name]).tz_convert("UTC")

    @property
    def observation_start(self):
        """First moment observed (pandas Timestamp, UTC), inclusive."""
        return self._moment("observation_start")

    @property
    def observation_end(self):
        """End of the observation (pandas Timestamp, UTC), exclusive."""
        return self._moment("observation_end")

    def raw(self, table: str):
        """The rows of the export as they came, as text, with source_file and source_row (1 = first data row).

        The columns are those of the files; what an adapter reads has the names that it translates them to.

        Raises:
            KeyError: the export has no such table.
            ExportError: the files of the export are gone or cannot be read any more.
        """
        from knowpay.collect.ingest.plan import plan

        batches = self.report.batches
        files = batches.loc[batches["table"] == table, "file"]
        if files.empty:
            raise KeyError(f"the export has no table {table!r}; it has {', '.join(batches['table'].unique())}")
        if table in self._raw:
            return self.con.table(f"raw_{table}")
        there = {file.name: file for file in plan(self.source).files}
        if gone := [name for name in files if name not in there]:
            raise ExportError(f"{gone[0]} is not in {self.source} any more. Put it back, or open the export again.")
        raw, parts = self.con.con, []
        scratch = self._scratch / table  # one folder for each: two tables may come from one file
        scratch.mkdir(exist_ok=True)
        for name in files:
            batch = there[name].views(raw, scratch)[table]
            columns = "".join(
                f', CAST({e} AS VARCHAR) AS "{n.replace(chr(34), chr(34) * 2)}"' for n, (e, _) in batch.columns.items()
            )
            head = f"{quote(name)} AS source_file, {batch.row} AS source_row"
            parts.append(f"SELECT {head}{columns} FROM {batch.relation}")
        raw.execute(f"CREATE VIEW raw_{table} AS {' UNION ALL BY NAME '.join(parts)}")  # no copy in memory
        self._raw.add(table)
        return self.con.table(f"raw_{table}")

    def waiting(self):
        """What waits in quarantine and what to do about it: pandas with table, rule, message, rows; most rows first."""
        rows = self.quarantine.filter(self.quarantine.status == "waiting").to_pandas()
        kinds = rows.groupby(["table", "rule", "column"], dropna=False)  # messages name the value: show one of them
        frame = kinds.agg(message=("message", "first"), rows=("source_row", "size")).reset_index()
        frame = frame.sort_values(["rows", "table", "rule", "column"], ascending=[False, True, True, True])
        return frame[["table", "rule", "message", "rows"]].reset_index(drop=True)

    @cached_property
    def truth(self) -> Truth:
        """What the simulator knows. Read it only to check an estimate.

        Raises:
            AttributeError: the data are not simulated.
        """
        if self._truth is None:
            raise AttributeError(
                f"{self.name} is not a simulated company: nobody knows its truth. "
                "Open 'world:small' to check an estimate against one."
            )
        return Truth(self._truth)

    def unlocks(self):
        """Which lessons these data can carry; which analyses, where knowpay was installed without the course.

        Returns:
            pandas DataFrame with lesson (or analysis), unlocked (bool) and reason: "enough", or what would unlock it,
            as knowpay/needs.yml states it.
        """
        import pandas as pd

        from knowpay.collect import needs

        reasons = {name: needs.missing(self, keys) for name, keys in needs.asked().items()}
        lines = [(name, not reason, reason or "enough") for name, reason in reasons.items()]
        return pd.DataFrame(lines, columns=["lesson" if needs.lessons() else "analysis", "unlocked", "reason"])

    def needs(self, what: str) -> None:
        """Stop with one sentence when these data cannot carry a lesson, given by its number: ds.needs("06").

        Where knowpay was installed without the course, `what` is an analysis: ds.needs("profiles").

        Raises:
            TooLittleData: the lesson is locked; the message names what would unlock it.
            ValueError: there is no such lesson.
        """
        from knowpay.collect import TooLittleData, needs

        kind, kinds, by = ("lesson", "lessons", "number") if needs.lessons() else ("analysis", "analyses", "name")
        asked = needs.asked()
        name = next((name for name in asked if name.replace(" ", "_").startswith(f"{what}_")), "")
        if not name:
            raise ValueError(f"There is no {kind} {what!r}; ds.unlocks() lists them by {by}.")
        if reason := needs.missing(self, asked[name]):
            raise TooLittleData(
                f"{self.name} cannot carry {kind} {name}: {reason}. "
                f"ds.unlocks() says which {kinds} it can carry; 'world:standard' carries all."
            )
