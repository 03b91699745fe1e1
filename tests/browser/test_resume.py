"""What is chosen under the name of an upload that stopped: the same file, or another one."""

import os
import re
import zipfile

import pytest

from tests.browser.test_uploads import (
    MIB,
    choose,
    downloaded,
    listed,
    moved,
    row,
    sent_from,
    slow,
    unfinished,
)

pytestmark = [pytest.mark.browser, pytest.mark.client]

TIME = 1_700_000_000
SIZE = 2 * MIB
DIFFERS = "The server has part of a different file with this name"
NO_SUBTLE = "Object.defineProperty(crypto, 'subtle', { value: undefined })"


def write(file, content):
    """Have a file hold `content`, changed at the same time as ever."""
    file.write_bytes(content)
    os.utime(file, (TIME, TIME))
    return content


def container(file, filling):
    """Make a ZIP of one entry that is not compressed; returns its bytes."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("photo.raw"), filling)
    return write(file, file.read_bytes())


def altered_at(content, place):
    """Return the same bytes but for one."""
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)


def choose_path(person, file):
    person.page.locator("main input[type=file]").set_input_files(file)


def stop_part_way(person, file):
    """Upload about a third of a file, and come back to the page later."""
    slow(person, 300_000)
    choose_path(person, file)
    moved(row(person, file.name), 0.3)
    row(person, file.name).get_by_role("button", name="Pause: ").click()
    person.page.reload()
    slow(person, -1)


@pytest.mark.parametrize("without_subtle", [False, True], ids=["local", "plain-http"])
def test_two_containers_of_the_same_size_and_time_are_not_joined(person, tmp_path, without_subtle):
    name = f"backup {without_subtle}.zip"
    if without_subtle:
        person.page.add_init_script(NO_SUBTLE)
        person.page.reload()
    first, second = tmp_path / "a" / name, tmp_path / "b" / name
    for file in (first, second):
        file.parent.mkdir()
    earlier = container(first, os.urandom(SIZE))
    other = container(second, os.urandom(SIZE))
    assert len(earlier) == len(other)
    stop_part_way(person, first)
    assert person.page.evaluate("Boolean(crypto.subtle)") is not without_subtle

    offsets = sent_from(person)
    choose_path(person, second)
    listed(person, name).wait_for()
    assert offsets == [0]
    assert downloaded(person, name) == other

    # What there is of the first is not lost.
    assert name in unfinished(person)
    offsets.clear()
    person.open("/files/upload/")
    choose_path(person, first)
    row(person, name).get_by_text("Uploaded").wait_for()
    assert len(offsets) == 1
    assert offsets[0] > 0
    assert name not in unfinished(person)
    person.open("/files/")
    assert downloaded(person, name) == earlier
    person.check()


def test_one_other_byte_in_the_middle_of_what_arrived_is_noticed(person, tmp_path):
    file = tmp_path / "byte.bin"
    content = write(file, os.urandom(SIZE))
    stop_part_way(person, file)
    changed = write(file, altered_at(content, SIZE // 8))
    offsets = sent_from(person)
    person.open("/files/upload/")
    choose_path(person, file)
    row(person, "byte.bin").get_by_text(DIFFERS).wait_for()
    row(person, "byte.bin").get_by_text("Uploaded").wait_for()
    assert offsets == [0]
    person.check()
    person.open("/files/")
    assert downloaded(person, "byte.bin") == changed


def test_a_file_rewritten_in_its_place_while_paused_begins_anew(person, tmp_path):
    file = tmp_path / "paused in place.bin"
    content = write(file, os.urandom(SIZE))
    offsets = sent_from(person)
    slow(person, 300_000)
    choose_path(person, file)
    upload = row(person, file.name)
    moved(upload, 0.3)
    upload.get_by_role("button", name="Pause: ").click()
    changed = write(file, altered_at(content, 5))
    slow(person, -1)
    upload.get_by_role("button", name="Resume").click()
    listed(person, file.name).first.wait_for()
    assert offsets == [0, 0]
    assert downloaded(person, file.name) == changed


def test_a_file_rewritten_in_its_place_while_the_line_is_cut_begins_anew(wired, tmp_path):
    person = wired
    file = tmp_path / "cut in place.bin"
    content = write(file, os.urandom(SIZE))
    slow(person, 300_000)
    choose_path(person, file)
    moved(row(person, file.name), 0.3)
    person.line.cut()
    row(person, file.name).get_by_text("The connection was lost.").wait_for()
    changed = write(file, altered_at(content, 5))
    slow(person, -1)
    person.line.mend()
    listed(person, file.name).wait_for()
    assert downloaded(person, file.name) == changed


def test_a_new_version_that_differs_is_not_joined_to_an_earlier_try(person, tmp_path):
    choose(person, ("versioned.bin", b"old"))
    listed(person, "versioned.bin").get_by_role("link", name="versioned.bin", exact=True).click()
    person.page.get_by_role("link", name="Replace", exact=True).click()
    page = person.page.url
    file = tmp_path / "new.bin"
    content = write(file, os.urandom(SIZE))
    stop_part_way(person, file)
    assert person.page.url == page
    changed = write(file, altered_at(content, 1))
    offsets = sent_from(person)
    choose_path(person, file)
    person.page.wait_for_url(re.compile(r"/files/\d+/$"))
    assert offsets == [0]
    person.open("/files/")
    assert downloaded(person, "versioned.bin") == changed


def test_two_uploads_that_stopped_go_on_each_with_its_own_file(person, tmp_path):
    contents = {}
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        file = tmp_path / name / "twin.bin"
        contents[file] = write(file, os.urandom(SIZE))
        stop_part_way(person, file)
    assert unfinished(person).count("twin.bin") == 2
    for file, content in contents.items():
        offsets = sent_from(person)
        person.open("/files/upload/")
        choose_path(person, file)
        row(person, "twin.bin").get_by_text("Uploaded").wait_for()
        assert len(offsets) == 1
        assert offsets[0] > 0
        person.open("/files/")
        assert downloaded(person, "twin.bin") == content
    assert "twin.bin" not in unfinished(person)
