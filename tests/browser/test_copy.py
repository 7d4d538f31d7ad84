"""The copy of Chromium that the whole test run installs where there is no browser."""

import shutil
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from zipfile import ZipFile, ZipInfo

import pytest

from local.console import browser

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")


class _Archives(BaseHTTPRequestHandler):
    """Answers each address with an archive that has both programs of which Playwright installs one."""

    def do_GET(self) -> None:
        archive = BytesIO()
        folder = self.path.rpartition("/")[2].removesuffix(".zip")
        with ZipFile(archive, "w") as file:
            for name in (f"{folder}/chrome-headless-shell", "ffmpeg-linux", "ffmpeg-mac"):
                entry = ZipInfo(name)
                entry.external_attr = 0o755 << 16
                file.writestr(entry, "#!/bin/sh\n")
        self.send_response(200)
        self.send_header("Content-Length", str(archive.tell()))
        self.end_headers()
        self.wfile.write(archive.getvalue())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Archives) as made:
        thread = Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with Node and without a browser; the folder of the copy."""
    programs = tmp_path / "programs"
    programs.mkdir()
    node = shutil.which("node")
    assert node
    (programs / "node").symlink_to(node)
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(browser, "_COPIES", tmp_path / "copies")
    return tmp_path / "copies"


def test_the_copy_is_installed_and_found(
    copies: Path, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLAYWRIGHT_DOWNLOAD_HOST", server)
    assert browser.main() == 0
    found = browser.find_chromium()
    assert found
    assert Path(found).is_relative_to(copies)
    assert capsys.readouterr().err == "Installing Chromium ...\n"


def test_a_download_that_takes_too_long_is_ended_and_told(
    copies: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(browser, "INSTALL_SECONDS", 0.1)
    assert browser.main() == 0
    assert browser.find_chromium() is None
    assert "It could not be downloaded." in capsys.readouterr().err


def test_a_copy_that_does_not_start_is_not_used_and_its_reason_is_told(
    copies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = copies / "chromium_headless_shell-1/linux64/chrome-headless-shell"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'libnss3.so: no such file' >&2; exit 127\n", encoding="utf-8")
    program.chmod(0o755)
    assert browser.find_chromium() is None  # and not wholly installed
    (program.parents[1] / "INSTALLATION_COMPLETE").touch()
    assert browser.main() == 0
    assert browser.find_chromium() is None
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.endswith("does not start: libnss3.so: no such file\n")
