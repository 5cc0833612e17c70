"""What a person may ask for: a copy of everything about them, and its erasure (PIPL 45, 47; GDPR 15, 17, 20).

Both search the files of the export themselves, rows in quarantine included, for the user id and for the devices that
nobody else ever used. Not everything can be found: what a browser did under an id that never logged in is nobody's
here, and a copy that was carried out of the house must be asked for where it went.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowpay.collect.adapters import DECLARATIONS
from knowpay.collect.adapters.mapped import read_mapping
from knowpay.collect.disk import cache_folder, only_one, write_whole
from knowpay.collect.files import list_files, table_of
from knowpay.collect.manifest import NAMES as MANIFESTS
from knowpay.collect.manifest import read_manifests
from knowpay.collect.privacy.rewrite import Row, data_files, look, rewrite, sweep
from knowpay.collect.store import Store

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

USERS = ("user_id", "userid", "login_id")
DEVICES = ("anonymous_id", "anonymousid", "user_pseudo_id", "distinct_id", "first_id")
OTHERS = re.compile("refer|invit|target|parent|owner|previous", re.IGNORECASE)  # in such a column the row is another's
SETS = ("devices", "users", "aliases", "others")  # of a Subject, as the journal keeps them
ERASED, FORGOTTEN = "[erased]", ".forgotten-"
JOURNAL = ".erasing.json"  # in the export while an erasure is under way; so a second run knows what the first one knew


@dataclass(frozen=True)
class Subject:
    """The ids of one person, and how a row is judged by them."""

    user_id: str
    devices: frozenset[str]
    users: frozenset[str]  # names of the columns that hold the user id, in lower case
    aliases: frozenset[str]  # names of the columns that hold a device's id
    others: frozenset[str]  # names of the columns in which others' rows name a user

    @property
    def ids(self) -> list[str]:
        return [self.user_id, *sorted(self.devices)]

    def judge(self, row: Row) -> Row | None:
        """None when the row is about this person; the row without the mentions when it is about somebody else."""
        if any(self._is(name, value) for name, value in row):
            return None
        changed = [(name, self._without(name, value)) for name, value in row]
        return row if changed == row else changed

    def _is(self, name: str, value: object) -> bool:
        text = _text(value)
        if name.lower() in self.users:
            return text == self.user_id
        if name.lower() in self.aliases:
            return text in self.devices or text == self.user_id
        if name == "identities" and isinstance(value, dict):
            return any(_text(v) in self.ids for v in value.values())
        return _telling(text) and text in self.ids and not self._others(name)

    def _others(self, name: str) -> bool:
        return name.lower() in self.others or OTHERS.search(name) is not None

    def _without(self, name: str, value: object) -> object:
        """The value without this person: an id of its own becomes empty, one inside a text a tag."""
        if isinstance(value, dict):
            return {key: self._without(key, inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._without(name, inner) for inner in value]
        text = _text(value)
        if text in self.ids and (_telling(text) or self._others(name)):
            return "" if isinstance(value, str) else None
        if not isinstance(value, str) or not any(i in text for i in self.ids):
            return value
        if text.startswith(("{", "[")):
            try:
                content = json.loads(text)
            except ValueError:
                content = None
            if isinstance(content, dict | list):
                cleaned = self._without(name, content)
                return value if cleaned == content else json.dumps(cleaned, ensure_ascii=False)
        for one in filter(_telling, self.ids):
            value = re.sub(rf"(?<![0-9A-Za-z]){re.escape(one)}(?![0-9A-Za-z])", ERASED, value)
        return value


def find(source: Path, user_id: str) -> Subject:
    """Return the subject with the devices that, by the files of the export, only this person used.

    Raises ExportError when the folder, its manifest or a file cannot be read, and ValueError for an id that nothing
    can be searched for (empty, or with quotes, commas or line breaks).
    """
    if not user_id.strip() or re.search(r"""[\s"',;|\\]""", user_id):
        raise ValueError(f"{user_id!r} cannot be searched for: give the user id as it stands in the export.")
    names = _names(source)
    files, _ = data_files(source)
    nobody = Subject(user_id, frozenset(), **names)
    mine = {device for path in files for user, device in _pairs(look(path, [user_id]), nobody) if user == user_id}
    if mine:
        rows = [row for path in files for row in look(path, sorted(mine))]
        mine -= {device for user, device in _pairs(rows, nobody) if user != user_id}
    return Subject(user_id, frozenset(mine), **names)


def export(ds: Dataset, user_id: str, path: str | Path) -> dict[str, Any]:
    """Write everything about ``user_id`` as one JSON file, whole or not at all, and return its content.

    ``tables``: the person's rows of every canonical table, of quarantine and of superseded rows. ``files``: the rows as
    they came, file by file. ``mentions``: where others' rows name the person (file and column only: the rest of such a
    row is about somebody else). ``devices``: those that only this person used. Counts are in ``rows``.

    Raises ValueError when no file and no table knows the id, and what `find` raises.
    """
    subject = find(ds.source, user_id)
    content: dict[str, Any] = {"user_id": user_id, "devices": sorted(subject.devices)}
    content["purpose"] = ds.manifest.get("purpose", ds.manifest["lawful_basis_note"])
    files: dict[str, list[dict]] = {}
    mentions: list[dict[str, str]] = []
    for file in data_files(ds.source)[0]:
        name = file.relative_to(ds.source).as_posix()
        for row in look(file, subject.ids):
            verdict = subject.judge(row)
            if verdict is None:
                files.setdefault(name, []).append(dict(row))
            else:
                columns = [old[0] for old, new in zip(row, verdict, strict=True) if old != new]
                mentions += [{"file": name, "column": column} for column in columns]
    content |= {"tables": dict(_tables(ds, subject)), "files": files, "mentions": mentions}
    if not files and not mentions and not any(content["tables"].values()):
        raise ValueError(f"{ds.name} knows nobody called {user_id!r}.")
    content["rows"] = {"tables": {t: len(r) for t, r in content["tables"].items()}}
    content["rows"] |= {"files": {f: len(r) for f, r in files.items()}, "mentions": len(mentions)}
    text = json.dumps(content, ensure_ascii=False, indent=1, default=str)
    write_whole(Path(path), lambda to: to.write_text(text, "utf-8", "surrogateescape"))
    return content


def erase(source: str | Path, user_id: str, cache: str | Path | None = None) -> dict[str, Any]:
    """Remove ``user_id`` from the files of the export folder and delete everything that was derived from it.

    The person's rows go; where others' rows name the person, the name goes. Stores in ``<cache>/ingested`` that came
    from this folder are deleted before the first file is touched and again after the last one; opening the export
    builds them anew. Every file is replaced whole or not at all, and an erasure that was killed is finished by the next
    one, of whomever. Erasing twice changes nothing. What the law obliges you to keep belongs in the accounts, not here.

    Returns:
        The receipt: ``files`` {name: {"removed": rows, "emptied": rows}} (those that changed), ``tables`` {table: rows
        removed}, ``devices`` (number), ``stores`` (number deleted), ``by_hand`` (files that were not searched, or where
        the id still stands). It does not hold the id.

    Raises ExportError and ValueError as `find` does. Nothing has been changed then, unless a later file is damaged.
    """
    source = Path(source).expanduser().resolve()
    sweep(source)
    subjects = _begun(source)
    if user_id not in {s.user_id for s in subjects}:
        subjects.append(find(source, user_id))
    _note(source, subjects)
    stores = forget(source, cache)
    files: dict[str, Counter] = {}
    for path in data_files(source)[0]:
        for subject in subjects:
            removed, emptied = rewrite(path, subject.judge, subject.ids)
            if removed or emptied:
                counts = files.setdefault(path.relative_to(source).as_posix(), Counter())
                counts.update(removed=removed, emptied=emptied)
    stores += forget(source, cache)
    tables: Counter[str] = Counter()
    for name, counts in files.items():
        tables[table_of(name) or re.split(r"[-/.]", name)[0]] += counts["removed"]
    receipt = {"files": {n: dict(c) for n, c in files.items()}, "tables": dict(tables)}
    receipt |= {"devices": len(subjects[-1].devices), "stores": stores}
    receipt["by_hand"] = _by_hand(source, subjects)
    (source / JOURNAL).unlink()
    return receipt


def forget(source: Path, cache: str | Path | None = None) -> int:
    """Delete the stores in ``<cache>/ingested`` that came from the folder ``source``; return how many there were.

    The ledger of a store says where it came from; where there is none yet, after a first ingest that was killed, its
    name does.
    """
    place = hashlib.sha256(str(source).encode()).hexdigest()[:16]
    deleted = 0
    for store in sorted(p for p in (cache_folder(cache) / "ingested").glob("*") if p.is_dir()):
        ledger = store / Store.LEDGER
        named = store.name.removeprefix(FORGOTTEN).startswith((f"export-{place}-", f"world-{source.name}-"))
        if not (Path(Store(store).ledger.source) == source if ledger.exists() else named):
            continue
        with only_one(store):  # nobody is filling it
            if not store.name.startswith(FORGOTTEN):  # out of sight first: nobody opens half a store
                store = store.rename(store.with_name(FORGOTTEN + store.name))
            for path in sorted(store.iterdir(), key=lambda p: p.name == Store.LEDGER):  # last what says whose it was
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            store.rmdir()
        deleted += 1
    return deleted


def _begun(source: Path) -> list[Subject]:
    """The subjects of erasures that were killed."""
    journal = source / JOURNAL
    if not journal.is_file():
        return []
    return [
        Subject(s["user_id"], **{name: frozenset(s[name]) for name in SETS})
        for s in json.loads(journal.read_text("utf-8"))
    ]


def _note(source: Path, subjects: list[Subject]) -> None:
    """Write down whom this erasure is about before it begins: the rows that tell whose a device was go too."""
    notes = [{"user_id": s.user_id} | {name: sorted(getattr(s, name)) for name in SETS} for s in subjects]
    write_whole(source / JOURNAL, lambda to: to.write_text(json.dumps(notes), "utf-8"))


def _by_hand(source: Path, subjects: list[Subject]) -> list[str]:
    """Files that were not searched, and those in which an id still stands."""
    can, cannot = data_files(source)
    left = {path for path in can for s in subjects if any(s.judge(row) is not row for row in look(path, s.ids))}
    said = {p for n in (*MANIFESTS, *DECLARATIONS) for p in source.rglob(n)}  # what people wrote about the files
    left |= {p for p in said if any(i in p.read_text("utf-8") for s in subjects for i in s.ids if _telling(i))}
    return sorted(p.relative_to(source).as_posix() for p in {*left, *cannot} - (said - left))


def _names(source: Path) -> dict[str, frozenset[str]]:
    """The names of the columns with ids in all files of the export, in lower case; see `Subject`."""
    manifests = read_manifests(source, list_files(source))
    users, aliases = {*USERS, *(m.business_user_id_column.lower() for m in manifests.values())}, set(DEVICES)
    if any(m.source_format == "sensors" for m in manifests.values()):  # there, user_id is the tool's own number
        users -= {"user_id"}
        aliases |= {"user_id"}
    others = {"referrer_user_id", "target_user_id"}
    named = {"user_id": users, "anonymous_id": aliases} | dict.fromkeys(others, others)
    for folder in (f for f, m in manifests.items() if m.source_format == "mapped"):
        for mapping in read_mapping(folder).values():
            for canonical in mapping.columns.keys() & named.keys():
                named[canonical].add(mapping.columns[canonical].lower())
    return {"users": frozenset(users), "aliases": frozenset(aliases - users), "others": frozenset(others)}


def _pairs(rows: list[Row], subject: Subject) -> Iterator[tuple[str, str]]:
    """(user id, device id) of the rows that have both."""
    for row in rows:
        user = next((_text(v) for n, v in row if n.lower() in subject.users and _text(v)), "")
        for name, value in row:
            device = _text(value)
            if user and name.lower() in subject.aliases and device and device != user:
                yield user, device


def _tables(ds: Dataset, subject: Subject) -> Iterator[tuple[str, list[dict]]]:
    """The person's rows of the canonical tables and of what ingest put aside."""
    from knowpay.collect.schema import TABLES

    marks = ", ".join("?" for _ in subject.ids)
    for name, table in TABLES.items():
        ids = [n for n in ("user_id", "anonymous_id") if n in table.names]
        if name == "order_items":
            where, given = "order_id IN (SELECT order_id FROM orders WHERE user_id = ?)", [subject.user_id]
        elif ids:
            where, given = " OR ".join(f"{i} IN ({marks})" for i in ids), subject.ids * len(ids)
        else:
            continue
        yield name, _rows(ds, name, where, given)
    named = " OR ".join("contains(CAST(to_json(t) AS VARCHAR), ?)" for _ in subject.ids)
    for name in ("quarantine", "superseded"):
        rows = _rows(ds, name, named, subject.ids)
        raw = [json.loads(next(text for column, text in row.items() if column.endswith("_json"))) for row in rows]
        yield name, [row for row, came in zip(rows, raw, strict=True) if subject.judge(list(came.items())) is None]


def _rows(ds: Dataset, table: str, where: str, given: list[str]) -> list[dict[str, Any]]:
    result = ds.con.con.execute(f"SELECT CAST(to_json(t) AS VARCHAR) FROM {table} AS t WHERE {where}", given)
    return [json.loads(line) for (line,) in result.fetchall()]


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _telling(text: str) -> bool:
    """Whether an id is unlike any other value: u000123 is; 12 may be a price, and is looked for in id columns only."""
    return len(text) >= 5 and not (text.isdecimal() and len(text) < 12)
