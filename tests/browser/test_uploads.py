"""Uploading with JavaScript: progress, drop, paste, cancel, another try."""

import pytest

from tests.browser.test_everyday import sign_up

pytestmark = pytest.mark.browser

UPLOADS = "**/files/upload/"
DROP = """([type, names]) => {
    const transfer = new DataTransfer();
    for (const name of names) transfer.items.add(new File([`bytes of ${name}`], name));
    const options = { bubbles: true, cancelable: true };
    const event = type === "paste"
        ? new ClipboardEvent(type, { ...options, clipboardData: transfer })
        : new DragEvent(type, { ...options, dataTransfer: transfer });
    document.querySelector("footer").dispatchEvent(event);
}"""


@pytest.fixture
def person(visit):
    """Somebody new, on the list of their files."""
    person = visit(locale="en-US")
    sign_up(person)
    person.open("/files/")
    return person


def choose(person, *files):
    """Choose files of (name, bytes) in the upload form."""
    person.page.locator("main input[type=file]").set_input_files(
        [
            {"name": name, "mimeType": "application/octet-stream", "buffer": content}
            for name, content in files
        ]
    )


def listed(person, name):
    """Return the row of a file in the list that the server made."""
    return person.page.locator("[data-upload-refresh] li", has_text=name)


def row(person, name):
    """Return the row of an upload."""
    return person.page.locator("[data-upload-rows] li", has_text=name)


def slow(person, bytes_per_second):
    """Slow the line down; -1 for full speed."""
    line = person.page.context.new_cdp_session(person.page)
    line.send("Network.enable")
    line.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": bytes_per_second,
        },
    )


def test_chosen_files_appear_in_the_list(person):
    names = [f"報告　{number}.txt" for number in range(5)]
    choose(person, *((name, name.encode()) for name in names))
    for name in names:
        listed(person, name).wait_for()
    assert person.page.locator("[data-upload-rows]").is_hidden()
    assert person.page.locator("[data-upload-status]").inner_text().startswith("Uploaded: 報告")
    person.check()


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_dropped_and_pasted_files_are_uploaded(person, way):
    person.page.evaluate(DROP, [way, ["one.txt", "two.txt"]])
    listed(person, "one.txt").wait_for()
    listed(person, "two.txt").wait_for()


def test_the_whole_page_takes_files_while_they_are_dragged(person):
    zone = person.page.locator("[data-upload-zone]")
    person.page.evaluate(DROP, ["dragenter", ["one.txt"]])
    assert zone.get_attribute("data-over") is not None
    person.page.evaluate(DROP, ["dragleave", ["one.txt"]])
    assert zone.get_attribute("data-over") is None


def test_progress_is_shown_and_an_upload_can_be_cancelled_and_tried_again(person):
    slow(person, 400_000)
    choose(person, ("map.bin", b"m" * 1_600_000))
    upload = row(person, "map.bin")
    upload.get_by_text("per second").wait_for()
    assert " of 1.5\N{NO-BREAK SPACE}MiB" in upload.inner_text()
    assert " left" in upload.inner_text()
    assert 0 < float(upload.locator("progress").evaluate("bar => bar.value")) < 1
    person.check()

    upload.get_by_role("button", name="Cancel: map.bin").click()
    assert "Cancelled" in upload.inner_text()
    again = upload.get_by_role("button", name="Try again: map.bin")
    assert again.evaluate("button => button === document.activeElement")
    person.page.reload()
    assert listed(person, "map.bin").count() == 0

    choose(person, ("map.bin", b"m" * 1_600_000))
    row(person, "map.bin").get_by_role("button", name="Cancel").click()
    slow(person, -1)
    row(person, "map.bin").get_by_role("button", name="Try again").press("Enter")
    listed(person, "map.bin").wait_for()


def test_what_is_too_large_is_said_before_it_is_sent(person):
    sent = []
    person.page.on("request", lambda request: sent.append(request.method))
    form = person.page.locator("form[data-upload]")
    # The script reads the limit when it starts.
    person.page.route(
        "**/files/",
        lambda route: route.fulfill(
            body=route.fetch().text().replace('data-max-size="', 'data-max-size="9" data-was="')
        ),
    )
    person.page.reload()
    assert form.get_attribute("data-max-size") == "9"
    sent.clear()
    choose(person, ("large.bin", b"x" * 10))
    assert "It is larger than the 5\N{NO-BREAK SPACE}GiB" in row(person, "large.bin").inner_text()
    assert "POST" not in sent
    row(person, "large.bin").get_by_role("button", name="Dismiss").click()
    assert person.page.locator("[data-upload-rows]").is_hidden()


def test_a_lost_line_is_told_and_can_be_tried_again(person):
    person.page.route(UPLOADS, lambda route: route.abort())
    choose(person, ("map.bin", b"m"))
    upload = row(person, "map.bin")
    upload.get_by_text("The connection was lost.").wait_for()
    status = person.page.locator("[data-upload-status]").inner_text()
    assert status == "Not uploaded: map.bin. The connection was lost."
    person.page.unroute(UPLOADS)
    upload.get_by_role("button", name="Try again").click()
    listed(person, "map.bin").wait_for()


def test_the_reason_of_the_server_is_shown(person):
    person.page.context.clear_cookies(name="camp_session")
    choose(person, ("map.bin", b"m"))
    row(person, "map.bin").get_by_text("You are logged out. Log in and try again.").wait_for()


def test_files_go_straight_into_a_session(person):
    person.open("/sessions/new/")
    person.submit({"title": "Camp"})
    person.page.locator("form[data-upload]").wait_for()
    choose(person, ("map.bin", b"m"))
    listed(person, "map.bin").wait_for()
    person.check()
    person.open("/files/")
    assert "Camp" in listed(person, "map.bin").inner_text()
