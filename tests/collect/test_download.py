"""Downloads from a local server: checked, whole or not at all, and every failure one sentence."""

import errno
import hashlib
import io
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from knowpay.collect import DownloadError, ExportError
from knowpay.collect.public import files
from knowpay.collect.public.declaration import File, PublicSet

CONTENT = bytes(range(256)) * 2000
SHA = hashlib.sha256(CONTENT).hexdigest()
HAND = "Or do it by hand: set KNOWPAY_DATA."


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT as the server's `mode` says; counts what it was asked."""

    def do_GET(self):  # the name that http.server asks for
        server = self.server
        server.asked += 1
        if server.mode.isdigit():
            return self.send_error(int(server.mode))
        if server.mode == "500 once" and server.asked == 1:
            return self.send_error(500)
        if server.mode == "circle":
            self.send_response(302)
            self.send_header("Location", self.path)
            return self.end_headers()
        whole = {"wrong": bytes(len(CONTENT)), "long": CONTENT * 2, "login": b"<html>Log in</html>"}
        body = whole.get(server.mode.removesuffix(" unstated"), CONTENT)
        self.send_response(200)
        if not server.mode.endswith("unstated"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.mode == "silent":
            server.release.wait(20)
        elif server.mode == "breaks" or (server.mode == "breaks once" and server.asked == 1):
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
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)  # between the attempts
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("KNOWPAY_DATA", raising=False)
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.mode, httpd.asked, httpd.release = "good", 0, threading.Event()
    httpd.daemon_threads = False  # so that closing waits for the answers under way
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    httpd.url = f"http://127.0.0.1:{httpd.server_port}/file.zip"
    yield httpd
    httpd.release.set()
    httpd.shutdown()
    httpd.server_close()


def _set(url):
    terms = {"title": "t", "source": "s", "licence": "l", "citation": "c", "by_hand": HAND}
    file = File(url=url, sha256=SHA, size=len(CONTENT))
    return PublicSet(name="some", folder="some", files={"file.zip": file}, **terms)


def _get(server, cache):
    return files.fetch(_set(server.url), cache)["file.zip"]


def _left(cache):
    return sorted(p.name for p in (cache / "downloads" / "some").iterdir())


def _refused(server, cache, match):
    with pytest.raises(DownloadError, match=match) as caught:
        _get(server, cache)
    assert str(caught.value).startswith(server.url) and str(caught.value).endswith(HAND)
    assert "\n" not in str(caught.value) and _left(cache) == []  # nothing half-written, nothing left over


def test_whole_file(server, tmp_path, capsys):
    assert _get(server, tmp_path).read_bytes() == CONTENT
    assert "file.zip" in (said := capsys.readouterr().out) and "512.0/512.0 kB" in said
    _get(server, tmp_path)
    assert server.asked == 1 and _left(tmp_path) == ["file.zip"]


def test_a_copy_in_place_is_not_fetched_and_a_spoiled_one_is_fetched_again(server, tmp_path):
    place = tmp_path / "downloads" / "some"
    place.mkdir(parents=True)
    (place / "file.zip").write_bytes(CONTENT)
    assert _get(server, tmp_path).read_bytes() == CONTENT and server.asked == 0
    (place / "file.zip").write_bytes(CONTENT[:1000])
    assert _get(server, tmp_path).read_bytes() == CONTENT and server.asked == 1


def test_half_a_file_that_a_killed_run_left_is_removed(server, tmp_path):
    place = tmp_path / "downloads" / "some"
    place.mkdir(parents=True)
    (place / "tmpabcdefgh").write_bytes(CONTENT[:1000])
    assert _get(server, tmp_path).read_bytes() == CONTENT and _left(tmp_path) == ["file.zip"]


@pytest.mark.parametrize("mode", ["breaks once", "500 once"])
def test_what_goes_wrong_once_is_tried_again(server, tmp_path, mode):
    server.mode = mode
    assert _get(server, tmp_path).read_bytes() == CONTENT and server.asked == 2


def test_a_connection_that_always_breaks_leaves_nothing(server, tmp_path):
    server.mode = "breaks"
    _refused(server, tmp_path, r"could not be read: IncompleteRead.*Run the same command again")
    assert server.asked == 3
    server.mode = "good"
    assert _get(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("mode", ["wrong", "long", "login", "wrong unstated", "long unstated"])
def test_another_file_is_refused_and_leaves_nothing(server, tmp_path, mode):
    server.mode = mode
    _refused(server, tmp_path, rf"not the published file \(its sha256 is not {SHA[:12]}.*it was deleted")
    server.mode = "good"
    assert _get(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("mode", ["403", "404", "500", "503"])
def test_an_answer_that_is_an_error(server, tmp_path, mode):
    server.mode = mode
    _refused(server, tmp_path, rf"answered {mode} \(\w+.*\)\. ")
    assert server.asked == 3


def test_redirects_in_a_circle(server, tmp_path):
    server.mode = "circle"
    _refused(server, tmp_path, r"redirects in a circle\. Or do it by hand")
    assert server.asked <= 100


def test_no_answer_in_time(server, tmp_path, monkeypatch):
    monkeypatch.setattr("pooch.downloaders.DEFAULT_TIMEOUT", 0.2)
    server.mode = "silent"
    _refused(server, tmp_path, "could not be read: timed out")


def test_nobody_there(server, tmp_path):
    server.shutdown()
    server.server_close()
    _refused(server, tmp_path, r"could not be read: .*refused")


def test_no_network(server, tmp_path, monkeypatch):
    def unknown(*_):
        raise socket.gaierror(-2, "Name or service not known")

    server.url = "http://data.example/file.zip"
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    _refused(
        server, tmp_path, r"could not be read: \[Errno -2\] Name or service not known\. Run the same command again"
    )


def test_a_full_disk_is_said_once_and_leaves_nothing(server, tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, block):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pooch.downloaders.open", lambda path, mode: Full(path, mode), raising=False)
    with pytest.raises(ExportError, match=r"The disk of .*downloads is full\. Free some space, or set KNOWPAY_CACHE"):
        _get(server, tmp_path)
    assert _left(tmp_path) == [] and server.asked == 1


def test_a_cache_that_cannot_be_written_is_a_sentence(server, tmp_path):
    (tmp_path / "downloads").write_text("a file where a folder should be")
    with pytest.raises(ExportError, match=r"cannot be written .*Set KNOWPAY_CACHE"):
        _get(server, tmp_path)
    assert server.asked == 0


def test_two_processes_at_once_fetch_it_once(server, tmp_path):
    server.mode = "slow"
    code = f"""
from pathlib import Path
from knowpay.collect.public import PublicSet, files
some = PublicSet.model_validate_json({_set(server.url).model_dump_json()!r})
print("started", flush=True)
path = files.fetch(some, Path({str(tmp_path)!r}))["file.zip"]
print(len(path.read_bytes()))
"""
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "started\n"
    server.release.set()
    said = [process.communicate(timeout=60)[0] for process in both]
    assert all(text.rstrip().endswith(str(len(CONTENT))) for text in said)
    assert server.asked == 1 and _left(tmp_path) == ["file.zip"]
