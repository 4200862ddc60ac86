"""The page in headless Chromium: upload, seeking, live audio, translation, errors.

With `ASR_SCREENSHOTS` set to a folder, pictures of the page are written there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from tests.server_process import RIVER, SAMPLES, running

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not (BROWSER and DRIVER):
    pytest.skip("chromium and chromedriver are not installed", allow_module_level=True)

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is missing")

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--window-size=1200,1000", "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
    f"--use-file-for-fake-audio-capture={SAMPLES / 'river.wav'}",
)  # fmt: skip
CSS = "css selector"


@pytest.fixture(scope="module")
def downloads(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def driver(downloads):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_experimental_option(
        "prefs", {"download.default_directory": str(downloads)}
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(DRIVER)
    with webdriver.Chrome(options=options, service=service) as driver:
        yield driver


@pytest.fixture
def page(driver, server):
    """The page, loaded anew; at the end its console has no errors."""
    driver.get(f"{server.url}/")
    driver.get_log("browser")
    page = Page(driver)
    page.until(lambda: page.text("#health") == "ready")
    yield page
    errors = [it for it in driver.get_log("browser") if it["level"] == "SEVERE"]
    expected = ("status of 4", "WebSocket")  # requests that the test lets fail
    assert [it for it in errors if not any(x in it["message"] for x in expected)] == []


class Page:
    """What the tests do with a page."""

    def __init__(self, driver) -> None:
        self.driver = driver

    def all(self, selector: str) -> list:
        return self.driver.find_elements(CSS, selector)

    def one(self, selector: str):
        return self.driver.find_element(CSS, selector)

    def text(self, selector: str) -> str:
        return self.one(selector).text

    def run(self, script: str, *arguments):
        return self.driver.execute_script(script, *arguments)

    def until(self, holds, seconds: float = 30.0):
        end = time.monotonic() + seconds
        while not (value := holds()):
            assert time.monotonic() < end, self.text("body")
            time.sleep(0.02)
        return value

    def send(self, path: Path) -> None:
        self.one("#file").send_keys(str(path))

    def transcribed(self, path: Path = SAMPLES / "river.wav") -> None:
        self.send(path)
        self.until(lambda: self.text("#progress").startswith("Done"))

    def open(self, task: str) -> None:
        self.one(f"#tab-{task}").click()

    def picture(self, name: str) -> None:
        folder = os.environ.get("ASR_SCREENSHOTS")
        if not folder:
            return
        sizes = {
            "light": (1200, "light"),
            "dark": (1200, "dark"),
            "narrow": (390, "light"),
        }
        for kind, (width, scheme) in sizes.items():
            self.shape(width, scheme)
            time.sleep(0.6)
            height = self.run("return document.documentElement.scrollHeight")
            self.shape(width, scheme, min(height, 2600))
            self.driver.save_screenshot(str(Path(folder) / f"{name}-{kind}.png"))
        self.shape(1200, "light")

    def shape(self, width: int, scheme: str = "light", height: int = 1000) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
        command = self.driver.execute_cdp_cmd
        command(
            "Emulation.setDeviceMetricsOverride", {**metrics, "mobile": width < 500}
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        command("Emulation.setEmulatedMedia", {"features": [feature]})


def downloaded(folder: Path, name: str) -> str:
    path, end = folder / name, time.monotonic() + 10
    while not (path.exists() and path.stat().st_size):  # it is there before its content
        assert time.monotonic() < end, list(folder.iterdir())
        time.sleep(0.05)
    return path.read_text(encoding="utf-8")


def test_upload(page, downloads):
    page.transcribed()
    words = page.all("#text .word")
    assert " ".join(word.text for word in words) == RIVER
    assert page.text("#progress") == "Done: 9 words in 3 s of audio."
    unsure = page.all("#text .sure-1, #text .sure-2")
    assert 0 < len(unsure) < len(words)
    label = unsure[0].get_attribute("aria-label")
    assert re.fullmatch(r"\w+, \d\d % sure", label)
    assert page.one("#heard").is_displayed()
    label = page.one("#map").get_attribute("aria-label")
    assert label == f'Attention of 44 letters of "{RIVER}" over its sound'
    assert page.run("""
        const map = document.getElementById("map"), pen = map.getContext("2d");
        const data = pen.getImageData(0, 0, map.width, map.height).data;
        return new Set(new Uint32Array(data.buffer)).size > 30""")
    page.picture("speech")
    for kind, start in {"txt": RIVER, "srt": "1\n00:00:00,", "vtt": "WEBVTT"}.items():
        page.one(f"[data-save={kind}]").click()
        assert downloaded(downloads, f"river.{kind}").startswith(start)
    page.one("[data-save=json]").click()
    values = json.loads(downloaded(downloads, "river.json"))
    assert values["text"] == values["segments"][0]["text"] == RIVER
    assert len(values["segments"][0]["words"]) == 9


def test_words_light_up_and_seek(page):
    page.transcribed()
    words = page.all("#text .word")
    page.until(lambda: page.run("return document.getElementById('audio').duration > 2"))
    words[4].click()
    page.until(lambda: "now" in words[4].get_attribute("class"))
    # While the sound plays, the light moves on to the end.
    page.until(lambda: "now" in words[8].get_attribute("class"))
    assert "now" not in words[4].get_attribute("class")


def test_words_by_keyboard(page):
    page.transcribed()
    page.until(lambda: page.run("return document.getElementById('audio').duration > 2"))
    words = page.all("#text .word")
    assert [word.get_attribute("tabindex") for word in words] == ["0"] + ["-1"] * 8
    words[0].send_keys("\ue014\ue014")  # arrow right
    assert page.driver.switch_to.active_element == words[2]
    words[2].send_keys("\ue007")  # enter
    page.until(lambda: "now" in words[2].get_attribute("class"))
    page.run("document.getElementById('audio').pause()")


def test_errors_are_shown(page, tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir, this is not a recording. " * 10)
    page.send(path)
    page.until(lambda: page.one("#error").is_displayed())
    assert page.text("#error").startswith("letter.txt")
    assert page.one("#error").get_attribute("role") == "alert"
    assert not page.one("#spoken").is_displayed()
    assert not page.one("#audio").is_displayed()
    page.transcribed()  # and the next one works
    assert not page.one("#error").is_displayed()


def test_the_microphone(page):
    # Chromium plays river.wav into it, again and again.
    page.one("#record").click()
    page.until(lambda: "old man" in page.text("#speech").casefold(), 60)
    assert page.one("#record").get_attribute("aria-pressed") == "true"
    page.one("#record").click()
    page.until(lambda: page.text("#progress").startswith("Done"))
    words = page.all("#text .word")
    assert "old man" in " ".join(word.text for word in words).casefold()
    assert page.one("#audio").is_displayed()
    assert page.one("#record").text == "Record"
    page.one("#again").click()
    page.until(lambda: page.one("#heard").is_displayed())


WAIT = """
const {mediaDevices} = navigator, ask = mediaDevices.getUserMedia.bind(mediaDevices);
const allowed = new Promise((done) => { window.allow = done; });
mediaDevices.getUserMedia = (wanted) => allowed.then(() => ask(wanted));
"""  # as a browser that asks the user


def test_a_file_while_the_browser_asks_for_the_microphone(page):
    page.run(WAIT)
    page.one("#record").click()
    page.transcribed()
    page.run("allow()")
    time.sleep(1)
    assert page.text("#progress").startswith("Done")
    assert page.one("#record").text == "Record"
    page.transcribed()


SOCKET = """
const Socket = WebSocket;
const ready = new Promise((done) => { window.answer = done; });
window.WebSocket = class extends Socket {
  constructor(...given) { super(...given); window.socket = this; }
  set onmessage(hear) {
    this.addEventListener("message", (it) => ready.then(() => hear(it)));
  }
};
"""  # as a server that loads its model


def test_a_recording_that_ends_before_the_server_is_ready(page):
    page.run(SOCKET)
    page.one("#record").click()
    page.until(lambda: page.text("#record") == "Stop")
    time.sleep(1.5)
    page.one("#record").click()
    assert page.text("#progress") == "Ending"
    page.run("answer()")
    page.until(lambda: page.text("#progress").startswith("Done"))
    assert re.search(r" in [1-9]\d* s of audio", page.text("#progress"))


def test_a_connection_that_ends(page):
    page.run(SOCKET)
    page.run("answer()")
    page.one("#record").click()
    page.until(lambda: page.text("#progress") == "Listening")
    page.run("socket.close()")
    page.until(lambda: page.text("#error").startswith("The connection ended"))
    assert page.text("#progress") == ""
    assert page.one("#record").text == "Record"


SEGMENT = {
    "type": "transcript.text.segment",
    "start": 0,
    "end": 1,
    "text": "Hello you.",
}
DONE = {"type": "transcript.text.done", "duration": 1}


def test_a_model_without_times_of_words(page):
    events = "".join(f"data: {json.dumps(event)}\n\n" for event in (SEGMENT, DONE))
    page.run("window.fetch = async () => new Response(arguments[0])", events)
    page.transcribed()
    assert "Hello you." in page.text("#text")
    assert page.text("#progress").startswith("Done: 2 words")


def test_live_translation(page, downloads):
    page.open("translation")
    page.one("#source").send_keys("A man is walking.")
    page.until(lambda: page.text("#target").strip() == "Un homme marche.")
    rows = page.all("#matrix .row")
    assert [row.find_element(CSS, ".name").text for row in rows] == [
        "Un", "homme", "marche.",
    ]  # fmt: skip
    assert len(page.all("#matrix [data-column]")) == 5  # four words and the end
    label = rows[1].get_attribute("aria-label")
    assert re.match(r"homme looked at man \d\d %", label)
    page.run(
        "arguments[0].dispatchEvent(new Event('mouseover', {bubbles: true}))", rows[1]
    )
    assert page.text("#pointed") == label
    assert page.text("#target .now") == "homme"
    rows[1].send_keys("\ue015")  # arrow down
    assert page.text("#target .now") == "marche."
    page.one("#source").send_keys("\nThank you.")
    page.until(lambda: page.text("#target").split("\n")[-1].strip() == "Merci.")
    page.until(
        lambda: len(page.all("#matrix .row")) == 1 and "Merci" in page.text("#matrix")
    )
    page.picture("translation")
    page.one("[data-save='weights.json']").click()
    values = json.loads(downloaded(downloads, "attention.json"))
    assert (values["read"], values["written"]) == ("Thank you.", "Merci.")
    assert len(values["weights"]) == len(values["tokens"])
    page.one("[data-save='weights.svg']").click()
    assert downloaded(downloads, "attention.svg").startswith("<svg")
    page.one("#source").send_keys("\ue009a\ue000\ue003")  # select all, delete
    page.until(lambda: not page.one("#looked").is_displayed())


def test_summary(page):
    page.open("summary")
    page.one("#long").send_keys((SAMPLES / "abstract.txt").read_text())
    page.one("#summarise .primary").click()
    page.until(lambda: page.one("#short").is_displayed())
    marked = [it.text for it in page.all("#title mark")]
    assert marked
    text = (SAMPLES / "abstract.txt").read_text()
    source = {re.sub(r"\W", "", word).casefold() for word in text.split()}
    assert all(re.sub(r"\W", "", word).casefold() in source for word in marked)
    page.run("arguments[0].focus()", page.one("#title .word"))
    assert page.run(
        "return [...document.querySelectorAll('#read span')]"
        ".some((it) => it.style.background)"
    )
    page.picture("summary")


def test_tabs_by_keyboard(page):
    page.one("#tab-speech").send_keys("\ue014")
    assert page.one("#translation").is_displayed()
    assert not page.one("#speech").is_displayed()
    page.one("#tab-translation").send_keys("\ue012")
    assert page.one("#speech").is_displayed()


CONTRAST = """
const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((v) => {
    v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const behind = (node) => {
  for (; node; node = node.parentElement) {
    const colour = parse(getComputedStyle(node).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
const low = [];
for (const node of document.querySelectorAll("body *")) {
  const own = [...node.childNodes].some((it) => it.nodeType === 3 && it.data.trim());
  if (!own || !node.checkVisibility() || node.closest("svg")) continue;
  const pair = [parse(getComputedStyle(node).color), behind(node)].map(light);
  const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  if (ratio < 4.5) low.push(`${node.tagName} ${node.className} ${ratio.toFixed(2)}`);
}
return low;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_and_labels(page, scheme):
    page.shape(1200, scheme)
    page.transcribed()
    page.run("document.querySelectorAll('#text .word')[1].classList.add('now')")
    time.sleep(0.3)  # colours of words change slowly
    assert page.run(CONTRAST) == []
    assert page.run("return getComputedStyle(document.body).backgroundColor") == {
        "light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)",
    }[scheme]  # fmt: skip
    for task in ("translation", "summary"):
        page.open(task)
        assert page.run(CONTRAST) == []
    nameless = page.run("""
        return [...document.querySelectorAll("button, input, select, textarea, audio")]
          .filter((it) => !it.textContent.trim() && !(it.labels && it.labels.length)
                          && it.tagName !== "AUDIO")
          .map((it) => it.outerHTML)""")
    assert nameless == []
    page.shape(1200)


def test_a_phone(page):
    page.shape(360)
    page.transcribed()
    for task in ("speech", "translation", "summary"):
        page.open(task)
        if task != "speech":
            page.run(f"document.querySelector('[data-example={task}]').click()")
            shown = {"translation": "#looked", "summary": "#short"}[task]
            page.until(lambda shown=shown: page.one(shown).is_displayed())
        width = page.run("return document.documentElement.scrollWidth")
        assert width <= 360, task
    page.shape(1200)


def test_tasks_without_a_model_are_not_offered(driver, tmp_path):
    with running(tmp_path, "--models", "title,en-fr") as server:
        driver.get(f"{server.url}/")
        page = Page(driver)
        page.until(lambda: not page.one("#tab-speech").is_displayed())
        assert page.one("#translation").is_displayed()
        assert page.text("label[for=target]") == "French"
        page.one("#tab-translation").send_keys("\ue014")
        assert page.one("#summary").is_displayed()


def test_only_the_three_files_are_loaded(page, server):
    page.transcribed()
    loaded = page.run(
        "return performance.getEntriesByType('resource').map((it) => it.name)"
    )
    assert all(name.startswith((server.url, "blob:")) for name in loaded)
    files = {re.sub(r"\?.*", "", name.rpartition("/")[2]) for name in loaded}
    assert {"page.css", "page.js"} <= files


def test_a_token(driver, tmp_path):
    token = "0123456789abcdef"
    path = tmp_path / "token"
    path.write_text(token)
    with running(tmp_path, "--token", str(path)) as server:
        server.wait_until_ready()
        driver.get(f"{server.url}/")
        page = Page(driver)
        page.until(lambda: page.one("#access").is_displayed())
        missing = "the token is missing or wrong"
        page.until(lambda: page.text("#error").startswith(missing))
        page.one("#token").send_keys(token)
        page.one("#access button").click()
        page.transcribed()
        page.open("translation")
        page.one("#source").send_keys("Thank you.")
        page.until(lambda: page.text("#target").strip() == "Merci.")
