"""Archives: the wanted files whole and checked, or one sentence and nothing on the disk."""

import errno
import gzip
import hashlib
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from knowpay.collect import DownloadError, ExportError
from knowpay.collect.public import PublicSet, open_public
from knowpay.collect.public.declaration import Archive, File
from knowpay.collect.public.files import check, unpacked

USERS = b"id,day\n" + b"".join(b"%d,2020-01-%02d\n" % (i, 1 + i % 31) for i in range(5_000))
COURSES = b"id,price\n1,99.00\n"
FILES = {"users.csv": USERS, "courses.csv": COURSES}
LIMIT = len(USERS) + len(COURSES)
HAND = "Or do it by hand: set KNOWPAY_DATA."


def _set(archive: Path | None = None, names: tuple[str, ...] = tuple(FILES)) -> PublicSet:
    """A set of these files whose publisher serves the archive."""
    terms = {"title": "t", "source": "s", "licence": "l", "citation": "c", "by_hand": HAND}
    manifest = {"timezone": "UTC", "currency": "CNY", "extracted_at": "2021-01-01", "lawful_basis_note": "made up"}
    content = archive.read_bytes() if archive else b""
    return PublicSet(
        name="some",
        folder="some",
        archive=Archive(
            url="http://data.example/x.zip",
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            unpacked=LIMIT,
        ),
        files={name: File(sha256=hashlib.sha256(FILES[name]).hexdigest()) for name in names},
        sql="CREATE VIEW users AS SELECT id AS user_id, day AS created_at FROM src_users",
        times="SELECT created_at::TIMESTAMPTZ FROM users",
        manifest=manifest,
        **terms,
    )


def _zip(path: Path, members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as zipped:
        warnings.simplefilter("ignore")  # of names that come twice
        for name, text in members:
            zipped.writestr(name, text)
    return path


def _good(folder: str = "data/") -> list[tuple[str, bytes]]:
    return [(folder + name, text) for name, text in FILES.items()]


def _refused(archive: Path, folder: Path, match: str, names: tuple[str, ...] = tuple(FILES)) -> None:
    before = sorted(p for p in folder.parent.rglob("*") if folder not in (p, *p.parents))
    with pytest.raises(DownloadError, match=match) as caught:
        unpacked(_set(names=names), archive, folder)
    said = str(caught.value)
    assert said.startswith(str(archive)) and said.endswith(HAND) and "\n" not in said
    assert before == sorted(p for p in folder.parent.rglob("*") if folder not in (p, *p.parents))  # none beside it


@pytest.fixture
def packed(tmp_path):
    """Write an archive of the members."""
    return lambda members: _zip(tmp_path / "x.zip", members)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "unpacked"


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """Open the set after its archive has been fetched: fetched(archive)."""
    monkeypatch.delenv("KNOWPAY_DATA", raising=False)
    (tmp_path / "cache" / "downloads" / "some").mkdir(parents=True)

    def open_set(archive):
        place = tmp_path / "cache" / "downloads" / "some" / "x.zip"
        place.write_bytes(archive.read_bytes())
        return open_public(_set(place), tmp_path / "cache")

    return open_set


def test_the_wanted_files_come_out_flat(packed, folder):
    archive = packed([*_good("a/b/"), ("a/readme.txt", b"not wanted")])
    found = unpacked(_set(), archive, folder)
    assert {name: path.read_bytes() for name, path in found.items()} == FILES
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)


def test_a_set_is_opened_from_its_archive(packed, fetched):
    assert fetched(packed(_good())).users.count().to_pandas() == 5_000


@pytest.mark.parametrize("spoil", ["cut", "other text", "full disk"])
def test_what_is_refused_leaves_nothing_in_the_cache(spoil, packed, fetched, tmp_path, monkeypatch):
    def full(*files):
        raise OSError(errno.ENOSPC, "No space left on device")

    archive = packed(_good())
    if spoil == "cut":
        archive.write_bytes(archive.read_bytes()[:500])
        error, said = DownloadError, rf"x\.zip is damaged .*{HAND}"
    elif spoil == "other text":
        archive = packed([("users.csv", USERS), ("courses.csv", COURSES.replace(b"99", b"89"))])
        error, said = DownloadError, rf"courses\.csv is not the published file \(sha256 .*expected.*{HAND}"
    else:
        monkeypatch.setattr("shutil.copyfileobj", full)
        error, said = ExportError, r"The disk of .* is full\. Free some space"
    with pytest.raises(error, match=said):
        fetched(archive)
    assert [p for p in (tmp_path / "cache" / "public").iterdir() if p.is_dir()] == []


@pytest.mark.parametrize("name", ["../x.csv", "a/../../x.csv", "/etc/x.csv", r"..\x.csv", r"C:\x.csv", "C:x.csv"])
def test_a_path_out_of_the_folder(packed, folder, name):
    _refused(packed([*_good(), (name, b"x")]), folder, "written outside its folder")


def test_a_link_in_a_zip(tmp_path, folder):
    info = zipfile.ZipInfo("latest.csv")
    info.external_attr = 0o120777 << 16
    path = _zip(tmp_path / "x.zip", _good())
    with zipfile.ZipFile(path, "a") as zipped:
        zipped.writestr(info, "/etc/passwd")
    _refused(path, folder, "'latest.csv', which is a link and no file")


def test_a_name_that_comes_twice(packed, folder):
    _refused(packed([*_good(), ("users.csv", b"other")]), folder, "holds users.csv twice")
    _refused(packed([*_good("a/"), ("b/users.csv", b"other")]), folder, r"twice, as 'a/users.csv' and 'b/users.csv'")


def test_a_file_that_is_not_in_it(packed, folder):
    _refused(packed(_good()[:1]), folder, r"has no courses\.csv")


def test_a_bomb_is_refused_before_it_is_unpacked(packed, folder, monkeypatch):
    archive = packed([("users.csv", bytes(20_000_000)), ("courses.csv", COURSES)])
    assert archive.stat().st_size < 50_000
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *a: pytest.fail("unpacked"))
    _refused(archive, folder, r"would unpack to 20,000,017 bytes, more than the")


def test_a_bomb_that_is_not_wanted_stays_where_it_is(tmp_path, folder):
    archive = _zip(tmp_path / "x.zip", [*_good(), ("bomb.bin", bytes(20_000_000))])
    assert set(unpacked(_set(), archive, folder)) == set(FILES)
    assert sum(p.stat().st_size for p in folder.iterdir()) == LIMIT


def test_a_bomb_that_states_a_small_size(tmp_path, folder):
    """The size in the list of the zip is 100 bytes, the packed stream holds 20 MB."""
    archive = _zip(tmp_path / "x.zip", [("users.csv", bytes(20_000_000))])
    data = bytearray(archive.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 100)
    archive.write_bytes(data)
    _refused(archive, folder, "is damaged", names=("users.csv",))


def test_an_encrypted_zip(tmp_path, folder):
    archive = _zip(tmp_path / "x.zip", _good())
    data = bytearray(archive.read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # local headers, central directory
        at = data.find(mark)
        while at >= 0:
            data[at + flags] |= 1
            at = data.find(mark, at + 4)
    archive.write_bytes(data)
    _refused(archive, folder, r"is encrypted: users\.csv cannot be unpacked without a password")


def test_a_wrong_checksum_inside_a_zip(tmp_path, folder):
    archive = _zip(tmp_path / "x.zip", _good(), zipfile.ZIP_STORED)
    data = archive.read_bytes().replace(b"1,99.00", b"1,88.00")
    archive.write_bytes(data)
    _refused(archive, folder, r"is damaged \(Bad CRC-32 for file 'data/courses\.csv'\)")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_truncated_archive(packed, folder, kept):
    archive = packed(_good())
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * kept)])
    _refused(archive, folder, "is damaged")


@pytest.mark.parametrize("content", [b"", b"<html>Log in</html>", gzip.compress(b"no archive", mtime=0)])
def test_no_archive_at_all(tmp_path, folder, content):
    (tmp_path / "x.zip").write_bytes(content)
    _refused(tmp_path / "x.zip", folder, "is damaged")


def test_bytes_changed_at_random_give_the_right_files_or_a_sentence(packed, folder):
    archive = packed(_good())
    data, rng = archive.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        spoiled = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            spoiled[at] = rng.integers(0, 256)
        archive.write_bytes(spoiled)
        try:
            found = unpacked(_set(), archive, folder)
            for name, path in found.items():
                check(_set(), name, path)
        except DownloadError:
            refused += 1
            continue
        assert {name: path.read_bytes() for name, path in found.items()} == FILES
    assert refused > 200
