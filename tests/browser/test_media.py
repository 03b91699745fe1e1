"""Sound and video play from where a person wants to go on."""

import base64
import io
import time
import wave

import pytest
from PIL import Image

from tests.browser.conftest import sign_up

pytestmark = [pytest.mark.browser, pytest.mark.client]

SECONDS = 600
# Chromium records its own WebM, which comes without a length; returns the bytes in base64.
RECORD = """async () => {
    const canvas = Object.assign(document.createElement("canvas"), {width: 64, height: 48});
    const brush = canvas.getContext("2d");
    const recorder = new MediaRecorder(canvas.captureStream(20), {mimeType: "video/webm"});
    const parts = [];
    const ended = new Promise(done => { recorder.onstop = done; });
    recorder.ondataavailable = event => parts.push(event.data);
    recorder.start();
    for (let frame = 0; frame < 40; frame++) {
        brush.fillStyle = `hsl(${frame * 9} 90% 50%)`;
        brush.fillRect(0, 0, 64, 48);
        await new Promise(done => setTimeout(done, 50));
    }
    recorder.stop();
    await ended;
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""));
}"""
# Go to a share of the length and play on from there; returns where that was and where it got.
SEEK = """async ([element, share]) => {
    const once = name => new Promise(done => element.addEventListener(name, done, {once: true}));
    element.muted = true;
    if (element.readyState < 1) await once("loadedmetadata");
    if (!isFinite(element.duration)) {  // a recording that does not say how long it is
        element.currentTime = 1e9;
        await once("seeked");
    }
    const target = element.duration * share;
    element.currentTime = target;
    await once("seeked");
    const there = element.currentTime;
    await element.play();
    while (element.currentTime <= there) await once("timeupdate");
    const {duration, error, readyState, currentTime} = element;
    return {duration, target, there, currentTime, readyState, error: error && error.message};
}"""


def tone():
    """Return a WAV of ten minutes and 9.6 MB, more than a player takes before it is asked."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(range(64)) * (8000 * 2 * SECONDS // 64))
    return stream.getvalue()


def seek(person, file, share):
    """Upload a file, open its page, go to a share of its length; return that and the requests."""
    page = person.page
    answers = []
    person.open("/files/")
    page.locator("main input[type=file]").set_input_files(file)
    row = page.locator("[data-upload-refresh] li", has_text=file.name)
    link = row.get_by_role("link", name=file.name)
    address = link.first.get_attribute("href")
    page.on("response", lambda answer: answers.append(answer))
    person.open(address)
    played = page.evaluate(SEEK, [page.locator(".preview").element_handle(), share])
    person.check()
    return played, [one for one in answers if one.url.endswith("/inline/")]


def test_sound_and_video_seek(visit, tmp_path):
    person = visit(locale="en-US")
    sign_up(person)
    sound, video = tmp_path / "tone.wav", tmp_path / "clip.webm"
    sound.write_bytes(tone())
    played, answers = seek(person, sound, 0.75)
    assert played["error"] is None
    assert played["duration"] == pytest.approx(SECONDS)
    assert played["there"] == pytest.approx(played["target"], abs=0.1)
    assert played["currentTime"] > played["there"]
    assert {answer.status for answer in answers} == {206}
    starts = [int(answer.headers["content-range"].split()[1].split("-")[0]) for answer in answers]
    assert max(starts) > sound.stat().st_size / 2, "it was read through, not sought"

    person.open("/files/")
    recording = person.page.evaluate(f"({RECORD})()")
    video.write_bytes(base64.b64decode(recording))
    played, answers = seek(person, video, 0.5)
    assert played["error"] is None
    assert played["there"] == pytest.approx(played["target"], abs=0.2)
    assert played["currentTime"] > played["there"]
    assert {answer.status for answer in answers} == {206}


def photograph(number):
    """Return a JPEG that takes a while to read."""
    stream = io.BytesIO()
    picture = Image.effect_noise((1000, 1000), 50 + number).convert("RGB")
    picture.save(stream, "JPEG", quality=80, progressive=True)
    return stream.getvalue()


def test_pictures_appear_by_themselves(visit):
    person = visit()
    sign_up(person)
    page = person.page
    person.open("/files/")
    page.locator("main input[type=file]").first.set_input_files(
        [
            {"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": photograph(number)}
            for number in range(8)
        ]
    )
    widths = "[...document.querySelectorAll('.thumb img')].map(image => image.naturalWidth)"
    deadline = time.monotonic() + 60
    while not (len(found := page.evaluate(widths)) == 8 and min(found) > 1):
        assert time.monotonic() < deadline, found
        page.wait_for_timeout(200)
