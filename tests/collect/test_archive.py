"""Archives: the wanted files whole and checked, or one sentence and nothing on the disk."""

import gzip
import hashlib
import io
import struct
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from knowpay.collect import DownloadError
from knowpay.collect.archive import extract

USERS = b"id,age\n" + b"".join(b"%d,%d\n" % (i, 20 + i % 50) for i in range(5_000))
COURSES = b"id,price\n1,99.00\n"
FILES = {"users.csv": USERS, "courses.csv": COURSES}
SHA = {name: hashlib.sha256(text).hexdigest() for name, text in FILES.items()}
LIMIT = len(USERS) + len(COURSES)
HAND = "Or do it by hand: set KNOWPAY_DATA."


def _zip(path: Path, members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as zipped:
        warnings.simplefilter("ignore")  # of names that come twice
        for name, text in members:
            zipped.writestr(name, text)
    return path


def _tar(path: Path, members: list[tuple[str, bytes]], link: str | None = None) -> Path:
    with tarfile.open(path, "w:gz") as tarred:
        for name, text in members:
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tarred.addfile(info, io.BytesIO(text))
        if link:
            info = tarfile.TarInfo("latest.csv")
            info.type, info.linkname = tarfile.SYMTYPE, link
            tarred.addfile(info)
    return path


def _good(folder: str = "data/") -> list[tuple[str, bytes]]:
    return [(folder + name, text) for name, text in FILES.items()]


def _refused(archive: Path, folder: Path, match: str, limit: int = LIMIT, wanted: dict | None = None) -> None:
    before = sorted(p for p in folder.parent.rglob("*") if folder not in (p, *p.parents))
    with pytest.raises(DownloadError, match=match) as caught:
        extract(archive, wanted or SHA, folder, limit, HAND)
    said = str(caught.value)
    assert said.startswith(str(archive)) and said.endswith(HAND) and "\n" not in said
    assert list(folder.iterdir()) == []  # nothing half-written, nothing left over
    assert before == sorted(p for p in folder.parent.rglob("*") if folder not in (p, *p.parents))  # and none beside it


@pytest.fixture(params=[(_zip, "x.zip"), (_tar, "x.tar.gz")], ids=["zip", "tar.gz"])
def packed(request, tmp_path):
    """Write an archive of the members, in both forms."""
    make, name = request.param
    return lambda members: make(tmp_path / name, members)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "unpacked"


def test_the_wanted_files_come_out_flat(packed, folder):
    archive = packed([*_good("a/b/"), ("a/readme.txt", b"not wanted")])
    found = extract(archive, SHA, folder, LIMIT, HAND)
    assert {name: path.read_bytes() for name, path in found.items()} == FILES
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
    assert extract(archive, SHA, folder, LIMIT, HAND) == found  # again, over what is there


def test_a_file_without_a_pinned_checksum(packed, folder):
    archive = packed(_good())
    assert extract(archive, {"users.csv": None}, folder, LIMIT, HAND)["users.csv"].read_bytes() == USERS
    assert sorted(p.name for p in folder.iterdir()) == ["users.csv"]


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


def test_a_link_in_a_tar(tmp_path, folder):
    _refused(_tar(tmp_path / "x.tar.gz", _good(), link="/etc/passwd"), folder, "'latest.csv', which is a link")


def test_a_name_that_comes_twice(packed, folder):
    _refused(packed([*_good(), ("users.csv", b"other")]), folder, "holds users.csv twice")
    _refused(packed([*_good("a/"), ("b/users.csv", b"other")]), folder, r"twice, as 'a/users.csv' and 'b/users.csv'")


def test_a_file_that_is_not_in_it(packed, folder):
    _refused(packed(_good()[:1]), folder, r"has no courses\.csv")


def test_another_file_than_the_published_one(packed, folder):
    changed = COURSES.replace(b"99", b"89")
    _refused(packed([("users.csv", USERS), ("courses.csv", changed)]), folder, r"another courses\.csv.*expected")


def test_a_bomb_is_refused_before_it_is_unpacked(packed, folder, monkeypatch):
    archive = packed([("users.csv", bytes(20_000_000)), ("courses.csv", COURSES)])
    assert archive.stat().st_size < 50_000
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *a: pytest.fail("unpacked"))
    monkeypatch.setattr(tarfile.TarFile, "extractfile", lambda *a: pytest.fail("unpacked"))
    _refused(archive, folder, r"would unpack to 20,000,017 bytes, more than the")


def test_a_bomb_that_is_not_wanted_stays_where_it_is(tmp_path, folder):
    archive = _zip(tmp_path / "x.zip", [*_good(), ("bomb.bin", bytes(20_000_000))])
    assert set(extract(archive, SHA, folder, LIMIT, HAND)) == set(FILES)
    assert sum(p.stat().st_size for p in folder.iterdir()) == LIMIT


def test_a_bomb_that_states_a_small_size(tmp_path, folder):
    """The size in the list of the zip is 100 bytes, the packed stream holds 20 MB."""
    archive = _zip(tmp_path / "x.zip", [("users.csv", bytes(20_000_000))])
    data = bytearray(archive.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 100)
    archive.write_bytes(data)
    _refused(archive, folder, "is damaged", limit=LIMIT, wanted={"users.csv": None})


def test_more_bytes_than_stated_are_stopped(tmp_path, folder, monkeypatch):
    """A reader that does not stop at the stated size: the limit is counted, not believed."""
    archive = _zip(tmp_path / "x.zip", _good())
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *a: io.BytesIO(bytes(10_000_000)))
    _refused(archive, folder, "unpacks to more than")


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
            found = extract(archive, SHA, folder, LIMIT, HAND)
        except DownloadError:
            refused += 1
            continue
        assert {name: path.read_bytes() for name, path in found.items()} == FILES
    assert refused > 200


def test_a_full_disk(packed, folder, monkeypatch):
    import errno

    class Full(io.FileIO):
        def write(self, block):
            raise OSError(errno.ENOSPC, "No space left on device")

    archive = packed(_good())
    monkeypatch.setattr(Path, "open", lambda path, mode="r": Full(path, mode))
    with pytest.raises(DownloadError, match=r"The disk of .* is full: x\..* could not be unpacked"):
        extract(archive, SHA, folder, LIMIT, HAND)
    assert list(folder.iterdir()) == []
