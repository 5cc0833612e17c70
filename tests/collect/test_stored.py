"""Cells of a set that is not here show what they showed where it was, and say so."""

import copy
import json

import pytest
from knowpay.collect import stored
from knowpay.collect.public import LISTED

((FILE, SHA256),) = ((name, file.sha256) for name, file in LISTED["upworthy"].files.items())
AS_RUN = {"date": "2026-01-02", "sha256": {"upworthy": SHA256[:12]}}
PRINTED = {"output_type": "stream", "name": "stdout", "text": ["81,024,151\n"]}
CELL = {
    "cell_type": "code",
    "metadata": {"data": "upworthy", "as_run": AS_RUN},
    "source": ["table = upworthy()\n", 'print(f"{table.impressions.sum():,}")'],
    "outputs": [PRINTED],
}
SAID = f"As run on 2026-01-02 with upworthy ({SHA256[:12]}); your computer lacks it: `knowpay data get upworthy`."


@pytest.fixture(autouse=True)
def nothing_here(tmp_path, monkeypatch):
    """No data; `nothing_here()` puts a file of the set in its place."""
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KNOWPAY_DATA", raising=False)

    def put():
        (tmp_path / "data" / "upworthy_exploratory").mkdir(parents=True)
        (tmp_path / "data" / "upworthy_exploratory" / FILE).write_text("test_week\n", encoding="utf-8")
        monkeypatch.setenv("KNOWPAY_DATA", str(tmp_path / "data"))

    return put


def text(output):
    return output["data"]["text/plain"]


def test_a_stored_output_is_marked_where_the_set_is_missing(nothing_here):
    mark, *rest = stored.shown(CELL)
    assert text(mark) == SAID and rest == [PRINTED]
    before, command = SAID.split("`")[:2]
    assert mark["data"]["text/html"] == (f'<div class="knowpay-stored"><em>{before}<code>{command}</code>.</em></div>')
    assert "'not yours'" in stored.shown(CELL, " It is 'not yours'.")[0]["data"]["text/html"]
    nothing_here()
    assert stored.shown(CELL) == [PRINTED]


def test_a_marking_that_was_saved_does_not_pile_up(nothing_here):
    saved = CELL | {"outputs": stored.shown(CELL)}
    assert stored.shown(saved) == stored.shown(CELL) and stored.outputs(saved) == [PRINTED]
    nothing_here()
    assert stored.shown(saved) == [PRINTED]


def test_no_cell_is_blank():
    assert text(stored.shown(CELL | {"outputs": []})[0]) == f"{SAID} This cell prints nothing."
    never = CELL | {"metadata": {"data": ["upworthy", "cdnow"]}, "outputs": []}
    (said,) = stored.shown(never)
    assert text(said) == (
        "This cell needs upworthy, cdnow, which your computer lacks, and has no stored output: "
        "`knowpay data get upworthy cdnow`."
    )


def test_of_several_sets_the_missing_are_named(nothing_here):
    nothing_here()
    both = copy.deepcopy(CELL)
    both["metadata"] = {"data": ["upworthy", "cdnow"], "as_run": {"date": "2026-01-02", "sha256": {}}}
    both["metadata"]["as_run"]["sha256"] = {"upworthy": "1" * 12, "cdnow": "2" * 12}
    assert text(stored.shown(both)[0]) == (
        f"As run on 2026-01-02 with upworthy ({'1' * 12}) and cdnow ({'2' * 12}); your computer lacks cdnow: "
        "`knowpay data get cdnow`."
    )


def test_the_checksum_is_that_of_the_file_and_another_part_has_another(nothing_here, tmp_path):
    assert stored.checksums(["upworthy"]) == {"upworthy": ""} and stored.missing(["upworthy", "nix"]) != []
    nothing_here()
    assert stored.checksums(["upworthy", "nix"]) == {"upworthy": SHA256[:12], "nix": ""}
    found = []
    for left_out in ("studentVle.AAA-2013J_AAA-2014J_BBB-2013B.csv", "studentVle.csv"):
        folder = tmp_path / "data" / "oulad"
        folder.mkdir(exist_ok=True)
        for name in LISTED["oulad"].files:
            (folder / name).unlink(missing_ok=True)
            if name != left_out:
                (folder / name).touch()
        found += stored.checksums(["oulad"]).values()
    assert len(set(found)) == 2 and all(len(one) == 12 for one in found)
    (tmp_path / "data" / "oulad" / "vle.csv").unlink()
    assert stored.missing(["oulad"]) == ["oulad"]  # a part of a set is not the set


def test_only_cells_of_a_missing_set_are_replaced(nothing_here, tmp_path, monkeypatch):
    other = {"cell_type": "code", "metadata": {}, "source": "1 + 1", "outputs": []}
    (tmp_path / "00_a.ipynb").write_text(json.dumps({"cells": [CELL, other]}), encoding="utf-8")
    (tmp_path / "draft.ipynb").write_text("half a notebook", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    lines = "".join(CELL["source"]).splitlines(keepends=True)
    (call,) = stored.instead([*lines, "\n"])
    assert "knowpay.collect.stored" in call and "upworthy()" in call
    assert stored.instead(["1 + 1"]) == ["1 + 1"] and stored.instead(lines[:1]) == lines[:1]
    nothing_here()
    assert stored.instead(lines) == lines


class Shell:
    """What `watch` and `show` need of IPython's."""

    def __init__(self, **names):
        self.input_transformers_cleanup, self.user_ns = [], names


def test_a_shell_is_watched_once_and_a_script_is_none(monkeypatch):
    import IPython

    shell = Shell()
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    stored.watch()
    stored.watch()
    assert shell.input_transformers_cleanup == [stored.instead]
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    stored.watch()


def test_the_stored_outputs_are_shown_as_they_are(tmp_path, monkeypatch, capsys):
    """Streams are printed, pictures and tables displayed; a company other than the stored one is said."""
    import IPython
    import IPython.display

    table = {"output_type": "display_data", "metadata": {}, "data": {"text/plain": ["a\n", "b"], "x/json": ["1", 2]}}
    cell = CELL | {"outputs": [PRINTED, table]}
    (tmp_path / "00_a.ipynb").write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    displayed = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: displayed.append((data, raw)))
    for names, note in (({"seed": 0, "company": {}}, ""), ({"seed": 1}, " Where it shows the company")):
        monkeypatch.setattr(IPython, "get_ipython", lambda names=names: Shell(**names))
        displayed.clear()
        stored.show("".join(cell["source"]))
        (mark, _), (shown, raw) = displayed
        assert mark["text/plain"].removeprefix(SAID).startswith(note) and (mark["text/plain"] == SAID) == (not note)
        assert shown == {"text/plain": "a\nb", "x/json": ["1", 2]} and raw
        assert capsys.readouterr().out == "81,024,151\n"
