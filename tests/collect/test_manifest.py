"""A manifest that is missing or wrong: one sentence that names the field and shows what to write."""

import pytest
from collect_exports import write_manifest
from knowpay.collect import ExportError
from knowpay.collect.files import list_files
from knowpay.collect.ingest.plan import plan
from knowpay.collect.manifest import EXAMPLE, read_manifests


@pytest.mark.parametrize("field", EXAMPLE)
def test_every_field_is_required_and_shown(tmp_path, field):
    write_manifest(tmp_path, **{field: None})
    with pytest.raises(ExportError, match=f"{field} is missing; write for example `{field}: "):
        read_manifests(tmp_path, list_files(tmp_path))[tmp_path]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timezone", "Shanghai"),
        ("timezone", "../etc/passwd"),
        ("currency", "RMB"),
        ("money_unit", "cents"),
        ("timestamp_unit", "seconds"),
        ("revenue_definition", "gross"),
        ("observation_end", "soon"),
        ("extracted_at", "2026-02-30"),
        ("contains_personal_data", "perhaps"),
        ("schema_version", "2"),
    ],
)
def test_wrong_value_is_named(tmp_path, field, value):
    write_manifest(tmp_path, **{field: value})
    with pytest.raises(ExportError, match=f"{field} is wrong.*{value.replace('.', '.')}.*`{field}: "):
        read_manifests(tmp_path, list_files(tmp_path))[tmp_path]


@pytest.mark.parametrize("text", ["", "- a\n- b", "a: [1", "\x00", "just words", "{"])
def test_what_is_no_manifest(tmp_path, text):
    (tmp_path / "manifest.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ExportError, match="currency: CNY"):
        read_manifests(tmp_path, list_files(tmp_path))[tmp_path]


def test_no_manifest_shows_a_whole_one(tmp_path):
    with pytest.raises(ExportError, match=r"no manifest\.yml(.|\n)*timezone: Asia/Shanghai"):
        read_manifests(tmp_path, list_files(tmp_path))[tmp_path]


def test_end_before_start(tmp_path):
    write_manifest(tmp_path, observation_end="2020-01-01")
    with pytest.raises(ExportError, match="observation_end must lie after observation_start"):
        read_manifests(tmp_path, list_files(tmp_path))[tmp_path]


def test_days_are_whole_and_local(tmp_path):
    write_manifest(tmp_path, observation_start="2025-01-01", observation_end="2025-01-31", extracted_at="2025-02-01")
    found = read_manifests(tmp_path, list_files(tmp_path))[tmp_path]
    assert found.observation_start.isoformat() == "2025-01-01T00:00:00+08:00"
    assert found.observation_end.isoformat() == "2025-02-01T00:00:00+08:00"
    assert found.extracted_at.isoformat() == "2025-02-02T00:00:00+08:00"


def test_json_manifest_and_text_that_yaml_would_change(tmp_path):
    import json

    (tmp_path / "manifest.json").write_text(json.dumps(EXAMPLE | {"dataset_id": "007", "purpose": "NO"}), "utf-8")
    found = read_manifests(tmp_path, list_files(tmp_path))[tmp_path]
    assert found.dataset_id == "007" and found.model_dump()["purpose"] == "NO"


def test_folder_that_is_none(tmp_path):
    with pytest.raises(ExportError, match="There is no folder"):
        list_files(tmp_path / "absent")
    write_manifest(tmp_path / "empty")
    with pytest.raises(ExportError, match="has no table"):
        plan(tmp_path / "empty")
    (tmp_path / "users.csv").write_text("x")
    with pytest.raises(ExportError, match="is a file"):
        list_files(tmp_path / "users.csv")


def test_null_is_a_field_left_out(tmp_path):
    write_manifest(tmp_path, retention_days="null")
    assert read_manifests(tmp_path, list_files(tmp_path))[tmp_path].retention_days is None
    write_manifest(tmp_path, retention_days="0")
    with pytest.raises(ExportError, match="retention_days is wrong"):
        read_manifests(tmp_path, list_files(tmp_path))
