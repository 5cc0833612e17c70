"""Keyed pseudonyms: stable under one key, unlinkable under another, and no weak key."""

from __future__ import annotations

import hashlib
import hmac
import secrets

import pandas as pd
import pytest
from collect_exports import write_manifest
from knowpay.collect.privacy.pseudonyms import new_key, pseudonyms, read_key, strong

KEY, OTHER = (hashlib.sha256(word).digest() for word in (b"one", b"two"))  # fixed, and as good as random
IDS = pd.Series(["u1", "u2", None, "u1"], index=[5, 6, 7, 8], name="user_id")


def test_the_standard_hmac():
    """RFC 4231, test case 2 has a short key; so the oracle is the plain two-pass definition of RFC 2104."""
    block = KEY.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + b"u1").digest()
    by_hand = hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).hexdigest()[:32]
    assert pseudonyms(IDS, KEY).iloc[0] == by_hand == hmac.new(KEY, b"u1", "sha256").hexdigest()[:32]


def test_same_key_same_name_in_every_table():
    out = pseudonyms(IDS, KEY)
    assert (
        out.index.tolist() == [5, 6, 7, 8]
        and out.name == "user_id"
        and out.isna().tolist() == [False, False, True, False]
    )
    assert out.iloc[0] == out.iloc[3] != out.iloc[1]
    assert pseudonyms(IDS[::-1], KEY).sort_index().equals(out)
    assert out.dropna().str.fullmatch("[0-9a-f]{32}").all()


def test_another_key_cannot_be_linked():
    ids = pd.Series([f"u{i:05d}" for i in range(5000)])
    one, two = pseudonyms(ids, KEY), pseudonyms(ids, OTHER)
    assert one.is_unique and two.is_unique and not set(one) & set(two)
    first = one.str[:8].map(lambda x: int(x, 16)).corr(two.str[:8].map(lambda x: int(x, 16)))
    assert abs(first) < 4 / 5000**0.5  # the first digits are no more alike than by chance
    plain = {hashlib.sha256(i.encode()).hexdigest()[:32] for i in ids}
    assert not plain & set(one)  # trying all ids without the key finds nobody


@pytest.mark.parametrize(
    "weak",
    [
        b"",
        b"short",
        KEY[:31],
        bytes(32),
        b"ab" * 32,
        KEY[:8] * 8,
        bytes(range(32)),
        bytes(range(0, 96, 3)),
        b"correct horse battery staple, twice over and more",
        b"0123456789abcdef0123456789abcdef",
    ],
)
def test_weak_keys_are_refused(weak):
    with pytest.raises(ValueError, match=r"bytes|not random"):
        pseudonyms(IDS, weak)


def test_random_keys_pass():
    for _ in range(2000):
        strong(secrets.token_bytes(32))


def test_keys_live_apart_from_data_and_code(tmp_path):
    path = new_key(tmp_path / "keys" / ".." / "key.txt")
    assert len(read_key(path)) == 32 and path.stat().st_mode & 0o077 == 0
    with pytest.raises(ValueError, match="exists"):
        new_key(path)
    write_manifest(tmp_path / "export")
    (tmp_path / "code" / ".git").mkdir(parents=True)
    (tmp_path / "code" / "deep").mkdir()
    for folder, what in (("export", "an export"), ("code/deep", "a git repository")):
        with pytest.raises(ValueError, match=f"lies in {what}"):
            new_key(tmp_path / folder / "key.txt")
        (tmp_path / folder / "key.txt").write_text(KEY.hex())
        with pytest.raises(ValueError, match=f"lies in {what}"):
            read_key(tmp_path / folder / "key.txt")


def test_the_variable(monkeypatch):
    monkeypatch.setenv("KNOWPAY_KEY", f" {KEY.hex()}\n")
    assert read_key() == KEY
    for bad, words in (
        ("", "There is no key"),
        ("zz", "hexadecimal"),
        ("00" * 32, "not random"),
        (KEY.hex()[:20], "10 bytes"),
    ):
        monkeypatch.setenv("KNOWPAY_KEY", bad)
        with pytest.raises(ValueError, match=words):
            read_key()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no key in .*nowhere"):
        read_key(tmp_path / "nowhere")
