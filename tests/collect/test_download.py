"""Downloads from a local server: resumed, checked, whole or not at all."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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
        if server.mode in ("404", "503"):
            return self.send_error(int(server.mode))
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.mode != "no_range" else 0
        body = {"wrong": bytes(len(CONTENT)), "long": CONTENT * 2}.get(server.mode, CONTENT)[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.mode == "silent":
            server.release.wait(20)
        elif server.mode == "breaks" or (server.mode == "breaks once" and len(server.asked) == 1):
            self.wfile.write(body[: len(body) // 2])
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
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
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


@pytest.mark.parametrize("mode", ["wrong", "long"])
def test_another_file_is_deleted(server, tmp_path, mode):
    server.mode = mode
    with pytest.raises(DownloadError, match=r"not the published file.*KNOWPAY_DATA"):
        _get(server, tmp_path)
    assert _left(tmp_path) == []


@pytest.mark.parametrize("mode", ["404", "503"])
def test_an_answer_that_is_an_error(server, tmp_path, mode):
    server.mode = mode
    with pytest.raises(DownloadError, match=f"answered {mode}.*KNOWPAY_DATA"):
        _get(server, tmp_path)
    assert _left(tmp_path) == []


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
