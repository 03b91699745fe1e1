"""Uploading with JavaScript: what is dropped, pasted or chosen, stops, goes on, is given up."""

import os
import re
import time

import pytest

from tests.browser.conftest import sign_up

pytestmark = [pytest.mark.browser, pytest.mark.client]

UPLOADS = "**/uploads/**"
MIB = 2**20
DROP = """([type, names]) => {
    const transfer = new DataTransfer();
    for (const name of names) transfer.items.add(new File([`bytes of ${name}`], name));
    const options = { bubbles: true, cancelable: true };
    const event = type === "paste"
        ? new ClipboardEvent(type, { ...options, clipboardData: transfer })
        : new DragEvent(type, { ...options, dataTransfer: transfer });
    document.querySelector("footer").dispatchEvent(event);
}"""


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
    if not hasattr(person, "debugger"):
        person.debugger = person.page.context.new_cdp_session(person.page)
        person.debugger.send("Network.enable")
    person.debugger.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": bytes_per_second,
        },
    )


def progress(part):
    """Return how far a progress bar is, from 0 to 1."""
    return float(part.locator("progress").evaluate("bar => bar.value"))


def moved(upload, share):
    """Wait until so much of an upload is on its way."""
    bar = upload.locator("progress").element_handle()
    upload.page.wait_for_function("([bar, share]) => bar.value >= share", arg=[bar, share])


def sent_from(person):
    """Return a list to which the offset of every request is added that sends bytes."""
    offsets = []

    def note(request):
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    person.page.on("request", note)
    return offsets


def unfinished(person):
    """Return the names of the uploads that the server has not got whole."""
    page = person.page.context.request.get(f"{person.base_url}/files/upload/").text()
    return re.findall(r'data-unfinished=.*?dir="auto">([^<]*)<', page, re.DOTALL)


def none_unfinished(person):
    """Wait until the server has forgotten all uploads that it has not got whole."""
    deadline = time.monotonic() + 20
    while names := unfinished(person):
        assert time.monotonic() < deadline, names
        person.page.wait_for_timeout(100)


def downloaded(person, name):
    """Return the bytes of a file in the list."""
    link = listed(person, name).get_by_role("link", name="Download").first
    address = link.get_attribute("href")
    return person.page.context.request.get(person.base_url + address).body()


def test_chosen_files_appear_in_the_list(person):
    names = [f"報告　{number}.txt" for number in range(5)]
    choose(person, ("empty.txt", b""), *((name, name.encode()) for name in names))
    for name in ["empty.txt", *names]:
        listed(person, name).wait_for()
    assert person.page.locator("[data-upload-rows]").is_hidden()
    assert person.page.locator("[data-upload-status]").inner_text().startswith("Uploaded: 報告")
    person.check()


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_dropped_and_pasted_files_are_uploaded(person, way):
    names = [f"{way} one.txt", f"{way} two.txt"]
    person.page.evaluate(DROP, [way, names])
    for name in names:
        listed(person, name).wait_for()


def test_the_whole_page_takes_files_while_they_are_dragged(person):
    zone = person.page.locator("[data-upload-zone]")
    person.page.evaluate(DROP, ["dragenter", ["one.txt"]])
    assert zone.get_attribute("data-over") is not None
    person.page.evaluate(DROP, ["dragleave", ["one.txt"]])
    assert zone.get_attribute("data-over") is None


def test_progress_is_shown_and_an_upload_can_be_cancelled_and_tried_again(person):
    slow(person, 200_000)
    choose(person, ("cancelled.bin", b"m" * 1_600_000))
    upload = row(person, "cancelled.bin")
    upload.get_by_text("per second").wait_for()
    assert " of 1.5\N{NO-BREAK SPACE}MiB" in upload.inner_text()
    assert " left" in upload.inner_text()
    assert 0 < progress(upload) < 1
    assert "cancelled.bin" in unfinished(person)
    person.check()

    with person.page.expect_response(lambda answer: answer.request.method == "DELETE"):
        upload.get_by_role("button", name="Cancel: cancelled.bin").click()
    assert "Cancelled" in upload.inner_text()
    assert "cancelled.bin" not in unfinished(person)
    again = upload.get_by_role("button", name="Try again: cancelled.bin")
    assert again.evaluate("button => button === document.activeElement")
    slow(person, -1)
    again.press("Enter")
    listed(person, "cancelled.bin").wait_for()


def test_a_paused_upload_goes_on_where_it_stopped(person):
    offsets = sent_from(person)
    slow(person, 200_000)
    choose(person, ("paused.bin", b"m" * 2_000_000))
    upload = row(person, "paused.bin")
    moved(upload, 0.3)
    upload.get_by_role("button", name="Pause: paused.bin").click()
    assert "Paused" in upload.inner_text()
    person.check()
    slow(person, -1)
    upload.get_by_role("button", name="Resume: paused.bin").press("Enter")
    listed(person, "paused.bin").wait_for()
    assert offsets[0] == 0 < offsets[1]
    assert len(offsets) == 2


def test_all_uploads_can_be_paused_resumed_and_cancelled(person):
    slow(person, 300_000)
    choose(person, *((f"{number}.bin", b"m" * MIB) for number in range(5)))
    total = person.page.locator("[data-upload-total]")
    total.get_by_text("0 of 5 files · ").wait_for()
    moved(row(person, "2.bin"), 0.05)
    assert row(person, "3.bin").get_by_text("Waiting").count() == 1
    assert 0 < progress(total) < 0.6
    person.check()
    total.get_by_role("button", name="Pause all").click()
    assert person.page.locator("[data-upload-rows] li").get_by_text("Paused").count() == 5
    total.get_by_role("button", name="Resume all").click()
    moved(row(person, "0.bin"), 0.05)
    total.get_by_role("button", name="Cancel all").click()
    assert total.is_hidden()
    none_unfinished(person)


@pytest.mark.parametrize("button", ["Cancel", "Pause"])
def test_an_upload_that_is_just_begun_is_not_forgotten(person, button):
    held, name = [], f"{button}.bin"
    person.page.route("**/uploads/", lambda route: held.append(route))
    with person.page.expect_request("**/uploads/"):
        choose(person, (name, b"m" * 3000))
    upload = row(person, name)
    upload.get_by_role("button", name=f"{button}: {name}").click()
    with person.page.expect_response("**/uploads/"):
        held[0].continue_()
    if button == "Pause":
        upload.get_by_role("button", name=f"Resume: {name}").click()
        listed(person, name).wait_for()
        assert len(held) == 1
    none_unfinished(person)


def test_an_upload_waits_for_the_line_and_goes_on_by_itself(wired):
    person = wired
    offsets = sent_from(person)
    slow(person, 200_000)
    choose(person, ("offline.bin", b"m" * 2_000_000))
    upload = row(person, "offline.bin")
    moved(upload, 0.3)
    person.line.cut()
    upload.get_by_text("The upload resumes when it is back.").wait_for()
    slow(person, -1)
    person.line.mend()
    listed(person, "offline.bin").wait_for()
    assert offsets[0] == 0 < offsets[-1]


@pytest.mark.slow
def test_an_upload_outlives_its_server(visit, make_camp_server):
    server = make_camp_server().start()
    person = visit(locale="en-US", base_url=server.base_url)
    sign_up(person)
    person.open("/files/")
    offsets = sent_from(person)
    slow(person, 4_000_000)
    content = os.urandom(12 * MIB)
    choose(person, ("killed.bin", content))
    upload = row(person, "killed.bin")
    moved(upload, 0.4)
    server.kill()
    upload.get_by_text("The connection was lost.").wait_for()
    slow(person, -1)
    server.start()
    listed(person, "killed.bin").wait_for()
    assert offsets[0] == 0 < offsets[-1]
    assert downloaded(person, "killed.bin") == content


@pytest.mark.parametrize("where", ["reloaded", "another browser"])
def test_the_same_file_chosen_again_goes_on_where_it_stopped(wired, visit, tmp_path, where):
    person = wired
    file = tmp_path / "地図.bin"
    file.write_bytes(os.urandom(2 * MIB))
    slow(person, 300_000)
    person.page.locator("main input[type=file]").set_input_files(file)
    moved(row(person, "地図.bin"), 0.3)
    if where == "reloaded":
        person.page.on("dialog", lambda dialog: dialog.accept())
        person.page.reload()
        slow(person, -1)
    else:
        state = person.page.context.storage_state()
        person.line.cut()
        person = visit(locale="en-US", storage_state=state)
        person.open("/files/")
    person.page.get_by_role("link", name="Resume or discard").click()
    stopped = person.page.locator("[data-unfinished]", has_text="地図.bin")
    assert " of 2\N{NO-BREAK SPACE}MiB" in stopped.inner_text()
    person.check()
    offsets = sent_from(person)
    with person.page.expect_file_chooser() as chooser:
        stopped.get_by_role("button", name="Choose the file: 地図.bin").click()
    chooser.value.set_files(file)
    row(person, "地図.bin").get_by_text("Uploaded").wait_for()
    stopped.wait_for(state="detached")
    assert len(offsets) == 1
    assert offsets[0] > 0
    person.open("/files/")
    assert downloaded(person, "地図.bin") == file.read_bytes()


def test_a_file_that_changed_since_begins_anew(person, tmp_path):
    file = tmp_path / "changed.bin"
    file.write_bytes(b"a" * MIB)
    slow(person, 150_000)
    person.page.locator("main input[type=file]").set_input_files(file)
    moved(row(person, "changed.bin"), 0.3)
    row(person, "changed.bin").get_by_role("button", name="Pause").click()
    person.page.reload()
    slow(person, -1)
    file.write_bytes(b"b" * MIB)
    os.utime(file, (1_000_000_000, 1_000_000_000))
    offsets = sent_from(person)
    person.page.locator("main input[type=file]").set_input_files(file)
    listed(person, "changed.bin").wait_for()
    assert offsets == [0]
    assert downloaded(person, "changed.bin") == b"b" * MIB


def test_an_unfinished_upload_can_be_given_up(person):
    slow(person, 150_000)
    choose(person, ("unfinished.bin", b"m" * MIB))
    moved(row(person, "unfinished.bin"), 0.2)
    row(person, "unfinished.bin").get_by_role("button", name="Pause").click()
    person.open("/files/upload/")
    with person.page.expect_navigation():
        person.page.get_by_role("button", name="Discard: unfinished.bin").click()
    assert person.page.get_by_text("The upload of “unfinished.bin” was discarded.").count() == 1
    assert "unfinished.bin" not in unfinished(person)
    person.check()


def test_a_folder_is_uploaded_whole(person, tmp_path):
    folder = make_folder(tmp_path)
    person.open("/files/upload/")
    box = person.page.locator("[data-upload-zone]").bounding_box()
    line = person.page.context.new_cdp_session(person.page)
    for kind in ("dragEnter", "dragOver", "drop"):
        line.send(
            "Input.dispatchDragEvent",
            {
                "type": kind,
                "x": box["x"] + 20,
                "y": box["y"] + 20,
                "data": {"items": [], "files": [str(folder)], "dragOperationsMask": 1},
            },
        )
    uploaded_whole(person)


def test_a_folder_can_be_chosen(person, tmp_path):
    folder = make_folder(tmp_path)
    person.open("/files/upload/")
    choose_folder(person, folder)
    uploaded_whole(person)


def choose_folder(person, folder):
    """Choose a folder in the upload form."""
    with person.page.expect_file_chooser() as chooser:
        person.page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(folder)


def test_a_folder_keeps_its_order_also_if_it_is_resumed(person, tmp_path):
    folder = tmp_path / "map"
    folder.mkdir()
    for name, content in {"10.txt": b"j", "2.bin": os.urandom(MIB), "1.txt": b"a"}.items():
        (folder / name).write_bytes(content)
    slow(person, 300_000)
    choose_folder(person, folder)
    moved(row(person, "2.bin"), 0.2)
    row(person, "10.txt").get_by_text("Uploaded").wait_for()
    person.page.on("dialog", lambda dialog: dialog.accept())
    person.page.reload()
    slow(person, -1)
    offsets = sent_from(person)
    choose_folder(person, folder)
    listed(person, "2.bin").wait_for()
    assert offsets[0] > 0
    names = person.page.locator("[data-upload-files] .list__title").all_inner_texts()[:5]
    # Those that were complete are there twice.
    assert names == [f"map/{name}" for name in ("1.txt", "1.txt", "2.bin", "10.txt", "10.txt")]


def make_folder(tmp_path):
    """Make a folder with two levels; returns its path."""
    inner = tmp_path / "合宿" / "day one"
    inner.mkdir(parents=True)
    (tmp_path / "合宿" / "plan.txt").write_bytes(b"plan")
    (inner / "map.txt").write_bytes(b"map")
    return tmp_path / "合宿"


def uploaded_whole(person):
    row(person, "map.txt").get_by_text("Uploaded").wait_for()
    row(person, "plan.txt").get_by_text("Uploaded").wait_for()
    assert "合宿/day one" in row(person, "map.txt").inner_text()
    address = row(person, "map.txt").get_by_role("link").get_attribute("href")
    assert re.fullmatch(r"/files/\d+/", address)
    person.check()
    person.open("/files/?sort=name")
    assert downloaded(person, "map.txt") == b"map"
    names = person.page.locator(".list__title").all_inner_texts()
    assert {"合宿/day one/map.txt", "合宿/plan.txt"} <= set(names)


def test_what_is_too_large_is_said_before_it_is_sent(person):
    sent = []
    person.page.on("request", lambda request: sent.append(request.method))
    # The script reads the limit when it starts.
    person.page.route(
        "**/files/",
        lambda route: route.fulfill(
            body=re.sub(r'"maxSize": \d+', '"maxSize": 9', route.fetch().text())
        ),
    )
    person.page.reload()
    sent.clear()
    choose(person, ("large.bin", b"x" * 10))
    upload = row(person, "large.bin")
    assert "larger than the limit of 5\N{NO-BREAK SPACE}GiB" in upload.inner_text()
    assert "POST" not in sent
    upload.get_by_role("button", name="Dismiss").click()
    assert person.page.locator("[data-upload-rows]").is_hidden()


def test_a_lost_line_is_told_and_can_be_tried_again(person):
    person.page.route(UPLOADS, lambda route: route.abort())
    choose(person, ("lost.bin", b"m"))
    upload = row(person, "lost.bin")
    upload.get_by_text("The connection was lost.").wait_for()
    status = person.page.locator("[data-upload-status]", has_text="The connection was lost.")
    status.wait_for(state="attached")
    person.page.unroute(UPLOADS)
    upload.get_by_role("button", name="Try again").click()
    listed(person, "lost.bin").wait_for()


def test_a_server_that_is_away_for_a_moment_costs_no_byte(wired):
    person = wired
    offsets = sent_from(person)
    slow(person, 300_000)
    choose(person, ("away.bin", b"m" * 2_000_000))
    moved(row(person, "away.bin"), 0.3)
    away = []

    def refuse(route):
        away.append(route.request.method)
        route.fulfill(status=502, body="Bad Gateway")

    person.page.route(UPLOADS, refuse)
    with person.page.expect_response(lambda answer: answer.status == 502):
        person.line.cut()
        person.line.mend()
        slow(person, -1)
    row(person, "away.bin").get_by_text("The connection was lost.").wait_for()
    person.page.unroute(UPLOADS)
    listed(person, "away.bin").wait_for()
    assert away[0] == "HEAD"
    assert "POST" not in away
    assert offsets[0] == 0 < offsets[-1]


def test_the_reason_of_the_server_is_shown(person):
    person.page.context.clear_cookies(name="camp_session")
    choose(person, ("refused.bin", b"m"))
    row(person, "refused.bin").get_by_text("You are logged out. Log in and try again.").wait_for()


def test_files_go_straight_into_a_session(person):
    person.open("/sessions/new/")
    person.submit({"title": "Camp"})
    person.page.locator("form[data-upload]").wait_for()
    choose(person, ("straight.bin", b"m"))
    listed(person, "straight.bin").wait_for()
    person.check()
    person.open("/files/")
    assert "Camp" in listed(person, "straight.bin").inner_text()


def test_a_file_gets_a_new_content_and_the_old_one_back(person):
    choose(person, ("draft.txt", b"first"))
    listed(person, "draft.txt").get_by_role("link", name="draft.txt", exact=True).click()
    person.page.get_by_role("link", name="Replace", exact=True).click()
    person.check()
    choose(person, ("other name.txt", b"second" * MIB))
    person.page.wait_for_url(re.compile(r"/files/\d+/$"))
    page = person.page.locator("main")
    assert "“draft.txt” has its new content." in person.page.locator("body").inner_text()
    assert "6\N{NO-BREAK SPACE}MiB" in page.inner_text()
    person.check()
    page.get_by_role("button", name="Restore").click()
    person.page.wait_for_url(re.compile(r"/files/\d+/$"))
    page.get_by_text("5\N{NO-BREAK SPACE}bytes").wait_for()
    with person.page.expect_download() as download:
        page.get_by_role("link", name="Download", exact=True).click()
    assert download.value.path().read_bytes() == b"first"
