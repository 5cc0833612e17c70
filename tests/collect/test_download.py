"""Downloads from a local server: resumed, checked, whole or not at all."""

import errno
import hashlib
import io
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from knowpay.collect import DownloadError, download

CONTENT = bytes(range(256)) * 2000
SHA = hashlib.sha256(CONTENT).hexdigest()
HAND = "Or do it by hand: set KNOWPAY_DATA."


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT as the server's `mode` says; keeps the Range headers it was sent."""

    def do_GET(self):  # the name that http.server asks for
        server, asked = self.server, self.headers.get("Range")
        server.asked.append(asked)
        if server.mode.isdigit():
            return self.send_error(int(server.mode))
        if server.mode == "500 once" and len(server.asked) == 1:
            return self.send_error(500)
        if server.mode == "circle":
            self.send_response(302)
            self.send_header("Location", self.path)
            return self.end_headers()
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.mode != "no_range" else 0
        whole = {"wrong": bytes(len(CONTENT)), "long": CONTENT * 2, "login": b"<html>Log in</html>"}
        body = whole.get(server.mode.removesuffix(" unstated"), CONTENT)
        if start >= len(body):
            return self.send_error(416)
        end, body = len(body) - 1, body[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{end}/{end + 1}")
        if not server.mode.endswith("unstated"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.mode == "silent":
            server.release.wait(20)
        elif server.mode == "breaks" or (server.mode == "breaks once" and len(server.asked) == 1):
            self.wfile.write(body[: len(body) // 2])
        elif server.mode == "slow":
            self.wfile.write(body[:1000])
            server.release.wait(20)
            self.wfile.write(body[1000:])
        else:
            self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.mode, httpd.asked, httpd.release = "good", [], threading.Event()
    httpd.daemon_threads = False  # so that closing waits for the answers under way
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    httpd.url = f"http://127.0.0.1:{httpd.server_port}/file.zip"
    yield httpd
    httpd.release.set()
    httpd.shutdown()
    httpd.server_close()


def _get(server, folder):
    return download.download(server.url, folder / "file.zip", SHA, len(CONTENT), HAND)


def _left(folder):
    return sorted(p.name for p in folder.iterdir() if p.suffix != ".lock")


def test_whole_file(server, tmp_path):
    assert _get(server, tmp_path).read_bytes() == CONTENT
    _get(server, tmp_path)
    assert len(server.asked) == 1 and _left(tmp_path) == ["file.zip"]


@pytest.mark.parametrize("mode", ["good", "no_range"])
def test_goes_on_where_it_stopped(server, tmp_path, mode):
    server.mode = mode
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:1000])
    assert _get(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-"]


def test_a_part_that_is_whole_needs_no_server(server, tmp_path):
    (tmp_path / "file.zip.part").write_bytes(CONTENT)
    assert _get(server, tmp_path).read_bytes() == CONTENT and server.asked == []


def test_a_part_that_is_too_long_starts_again(server, tmp_path):
    (tmp_path / "file.zip.part").write_bytes(CONTENT + b"x")
    assert _get(server, tmp_path).read_bytes() == CONTENT and server.asked == [None]


def test_a_part_of_another_file_is_deleted_and_the_next_call_is_clean(server, tmp_path):
    (tmp_path / "file.zip.part").write_bytes(bytes(1000))
    with pytest.raises(DownloadError, match=r"not the published file.*it was deleted"):
        _get(server, tmp_path)
    assert _left(tmp_path) == []
    assert _get(server, tmp_path).read_bytes() == CONTENT and server.asked == ["bytes=1000-", None]


def test_a_broken_connection_is_taken_up_again(server, tmp_path):
    server.mode = "breaks once"
    assert _get(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={len(CONTENT) // 2}-"]


def test_a_connection_that_always_breaks_keeps_what_came(server, tmp_path):
    server.mode = "breaks"
    with pytest.raises(DownloadError, match=r"Run the same command again to go on.*KNOWPAY_DATA"):
        _get(server, tmp_path)
    assert _left(tmp_path) == ["file.zip.part"] and len(server.asked) == 3
    server.mode = "good"
    assert _get(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("mode", ["wrong", "long", "login", "wrong unstated", "long unstated"])
def test_another_file_is_refused_and_leaves_nothing(server, tmp_path, mode):
    server.mode = mode
    with pytest.raises(DownloadError, match=r"not the published file.*KNOWPAY_DATA"):
        _get(server, tmp_path)
    assert _left(tmp_path) == [] and len(server.asked) == 1
    server.mode = "good"
    assert _get(server, tmp_path).read_bytes() == CONTENT


def test_a_log_in_page_does_not_spoil_what_came_before(server, tmp_path):
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:1000])
    server.mode = "login"
    server.RequestHandlerClass = type("Whole", (Handler,), {"parse_request": _without_range})
    with pytest.raises(DownloadError, match=r"19 bytes, expected 512,000"):
        _get(server, tmp_path)
    assert (tmp_path / "file.zip.part").read_bytes() == CONTENT[:1000]


def _without_range(handler):
    good = BaseHTTPRequestHandler.parse_request(handler)
    del handler.headers["Range"]
    return good


@pytest.mark.parametrize(("mode", "attempts"), [("403", 1), ("404", 1), ("500", 3), ("503", 3)])
def test_an_answer_that_is_an_error(server, tmp_path, mode, attempts):
    server.mode = mode
    with pytest.raises(DownloadError, match=f"answered {mode}.*KNOWPAY_DATA"):
        _get(server, tmp_path)
    assert _left(tmp_path) == [] and len(server.asked) == attempts


def test_a_server_that_stumbles_once(server, tmp_path):
    server.mode = "500 once"
    assert _get(server, tmp_path).read_bytes() == CONTENT and len(server.asked) == 2


def test_a_range_that_the_server_does_not_have_starts_again(server, tmp_path):
    server.mode = "login"  # shorter than the part
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:1000])
    with pytest.raises(DownloadError, match=r"not the published file \(19 bytes"):
        _get(server, tmp_path)
    assert server.asked == ["bytes=1000-", None] and _left(tmp_path) == []


def test_redirects_in_a_circle(server, tmp_path):
    server.mode = "circle"
    with pytest.raises(DownloadError, match=r"redirects in a circle\. Or do it by hand") as caught:
        _get(server, tmp_path)
    assert "\n" not in str(caught.value) and len(server.asked) <= 20


def test_no_answer_in_time(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    server.mode = "silent"
    with pytest.raises(DownloadError, match=r"timed out.*KNOWPAY_DATA"):
        _get(server, tmp_path)


def test_nobody_there(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match=r"could not be read.*refused.*KNOWPAY_DATA"):
        _get(server, tmp_path)
    assert _left(tmp_path) == []


def test_a_full_disk_is_said_once_and_what_came_is_kept(server, tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, block):
            if self.tell() + len(block) > 200_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(block)

    monkeypatch.setattr(Path, "open", lambda path, mode="r": Full(path, mode))
    with pytest.raises(DownloadError, match=r"The disk is full: .*file\.zip\.part could not grow\. Free some space"):
        _get(server, tmp_path)
    monkeypatch.undo()
    kept = (tmp_path / "file.zip.part").stat().st_size
    assert 100_000 < kept <= 200_000 and len(server.asked) == 1
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert _get(server, tmp_path).read_bytes() == CONTENT and server.asked[1] == f"bytes={kept}-"


def test_two_processes_at_once_fetch_it_once(server, tmp_path):
    server.mode = "slow"
    code = f"""
from pathlib import Path
from knowpay.collect.download import download
print("started", flush=True)
path = download({server.url!r}, Path({str(tmp_path)!r}) / "file.zip", {SHA!r}, {len(CONTENT)}, {HAND!r})
print(len(path.read_bytes()))
"""
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "started\n"
    server.release.set()
    said = [process.communicate(timeout=60)[0] for process in both]
    assert all(text.rstrip().endswith(str(len(CONTENT))) for text in said)
    assert server.asked == [None] and _left(tmp_path) == ["file.zip"]
