"""The bytes of sample files, small and valid: text, tables, pictures, documents, archives."""

import csv
import hashlib
import io
import json
import math
import struct
import wave
import zipfile
from dataclasses import dataclass

from camp.operations.demo import pictures, stories

HEADINGS = {
    "ja": ["概要", "日程", "持ち物", "連絡先", "決まったこと", "宿題", "参考", "次回まで"],
    "en": ["Overview", "Schedule", "What to bring", "Contacts", "Decided", "Homework", "Links"],
}
SENTENCES = {
    "ja": [
        "集合は駅の改札を出て右側の広場です。",
        "会議室は朝9時から使えます。鍵は受付で借りてください。",
        "わからないことがあれば、前日までに世話役に聞いてください。",
        "配布資料は当日の朝に印刷します。電子版はファイルにあります。",
        "雨の場合は屋内のプログラムに変更します。",
        "発表は一人15分、質疑は5分です。時間は鐘でお知らせします。",
        "宿題の答え合わせは班ごとに行います。",
        "消灯は23時です。夜の作業は談話室でお願いします。",
        "アンケートの結果は、次の会の最初に共有します。",
        "写真は本人の許可を得てから載せます。",
    ],
    "en": [
        "We meet on the square to the right of the ticket gates.",
        "The seminar room is ours from nine; the key is at the reception.",
        "Ask the organisers until the evening before if anything is unclear.",
        "Handouts are printed in the morning. The digital ones are in the files.",
        "If it rains, the programme moves indoors.",
        "Every talk has 15 minutes, and 5 for questions. A bell tells the time.",
        "Groups go through the homework together.",
        "Lights out at eleven; whoever works on goes to the common room.",
        "The results of the survey open the next meeting.",
        "Pictures are shown only with the consent of whoever is on them.",
    ],
}
ITEMS = {
    "ja": ["宿泊", "バス", "食費", "会場", "印刷", "文房具", "保険", "飲み物", "お菓子", "予備費"],
    "en": ["room", "bus", "food", "venue", "printing", "stationery", "insurance", "drinks"],
}
COLUMNS = {
    "ja": {
        "budget": ["項目", "数量", "単価", "金額"],
        "roster": ["氏名", "班", "学年", "到着", "アレルギー"],
        "survey": ["番号", "満足度", "内容", "時間配分", "また参加したい"],
    },
    "en": {
        "budget": ["item", "number", "price", "amount"],
        "roster": ["name", "group", "year", "arrives", "allergies"],
        "survey": ["number", "overall", "content", "timing", "would come again"],
    },
}
SIMPLE_NAMES = {
    "ja": ["青木", "石田", "上田", "遠藤", "岡本", "金子", "菊池", "久保", "小松", "斎藤", "千葉"],
    "en": ["Anna", "Boris", "Chloe", "Dev", "Eva", "Farid", "Greta", "Hugo", "Ines", "Jack"],
}
SCRIPT = '''"""{title}"""

import csv
import sys
from collections import Counter


def main(file):
    with open(file, encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))[{number}:]
    for value, count in Counter(row[1] for row in rows).most_common():
        print(f"{{value:>8}}  {{count}}")


if __name__ == "__main__":
    main(sys.argv[1])
'''
ZIP_TIME = (2026, 1, 1, 9, 0, 0)


@dataclass(frozen=True, eq=False)
class Content:
    """What one or many sample files hold."""

    data: bytes
    content_type: str
    size: int
    sha256: str


def make(random, language, kind):
    """Return a new Content of a kind, such as "minutes" or "photo"."""
    build, content_type = KINDS[kind]
    data = build(random, language) if kind not in COLUMNS["en"] else build(random, language, kind)
    return Content(data, content_type, len(data), hashlib.sha256(data).hexdigest())


def minutes(random, language):
    """Return Markdown: headings, sentences, a list of what is to do."""
    parts = []
    for heading in random.sample(HEADINGS[language], random.randint(3, 6)):
        parts.append(f"## {heading}")
        parts.append(paragraph(random, language, random.randint(2, 12)))
        if random.random() < 0.5:
            items = random.sample(ITEMS[language], 4)
            parts.append("\n".join(f"- [{random.choice('x ')}] {item}" for item in items))
    return ("\n\n".join(parts) + "\n").encode()


def paragraph(random, language, sentences):
    """Return so many sentences in one line."""
    space = "" if language == "ja" else " "
    return space.join(random.choice(SENTENCES[language]) for _turn in range(sentences))


def shopping(random, language):
    """Return a plain list with numbers."""
    items = random.sample(ITEMS[language], random.randint(4, 8))
    return "".join(f"{item}\t{random.randint(1, 30)}\n" for item in items).encode()


def table(random, language, kind):
    """Return a CSV that spreadsheets read, Japanese included: UTF-8 with its mark."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS[language][kind])
    for number in range(1, random.randint(12, 400)):
        writer.writerow(table_row(random, language, kind, number))
    return out.getvalue().encode("utf-8-sig")


def table_row(random, language, kind, number):
    """Return the cells of one row."""
    if kind == "budget":
        count, price = random.randint(1, 40), random.randint(2, 90) * 50
        return [random.choice(ITEMS[language]), count, price, count * price]
    if kind == "roster":
        name, group = random.choice(SIMPLE_NAMES[language]), random.choice("ABCDEF")
        return [name, group, random.randint(1, 4), f"{random.randint(8, 12)}:30", ""]
    return [number, *(random.randint(2, 5) for _column in range(3)), random.choice("○○○△")]


def handout(random, language):
    """Return a PDF of some pages, with a picture on the first."""
    title = f"{random.choice(stories.SUBJECTS[language])} / {random.choice(HEADINGS[language])}"
    pages = []
    for _page in range(random.randint(1, 5)):
        pages.append([random.choice(SENTENCES[language]) for _line in range(random.randint(8, 24))])
    return pictures.pdf(title, pages, pictures.scene(random, 320, 180))


def receipt(random, language):
    """Return a PDF of one page."""
    lines = [
        f"{item}  {random.randint(3, 90) * 100:,}" for item in random.sample(ITEMS[language], 5)
    ]
    return pictures.pdf("領収書" if language == "ja" else "Receipt", [lines])


def bundle(random, language):
    """Return a ZIP of notes, a table and a picture."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (
            ("README.md", minutes(random, language)),
            ("data/budget.csv", table(random, language, "budget")),
            ("data/survey.csv", table(random, language, "survey")),
            ("pictures/1.png", photo(random, language)),
        ):
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIME), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def photo(random, language):
    """Return a PNG."""
    width = random.choice([400, 480, 600])
    return pictures.png(*pictures.scene(random, width, width * 2 // 3))


def plan(random, language):
    """Return an SVG: rooms with their names."""
    names = [f"{letter}-{number}" for letter in "ABC" for number in range(1, 5)]
    return pictures.floor_plan(random, random.sample(names, random.randint(4, 9)))


def calendar(random, language):
    """Return an iCalendar file of a month's dates."""
    month = random.randint(1, 12)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Camp//Sample//EN"]
    for day in sorted(random.sample(range(1, 29), 4)):
        start = f"2026{month:02}{day:02}T{random.randint(9, 19):02}0000"
        lines += ["BEGIN:VEVENT", f"UID:{start}-{random.getrandbits(32):08x}@example.org"]
        lines += [f"DTSTAMP:{start}Z", f"DTSTART:{start}", "DURATION:PT2H"]
        lines += [f"SUMMARY:{random.choice(HEADINGS[language])}", "END:VEVENT"]
    return ("\r\n".join([*lines, "END:VCALENDAR"]) + "\r\n").encode()


def voice(random, language):
    """Return a WAV of some seconds: a few soft tones."""
    rate, samples = 8000, []
    for _tone in range(random.randint(3, 6)):
        step = 2 * math.pi * random.choice([262, 294, 330, 392, 440]) / rate
        samples += [int(6000 * math.sin(step * tick)) for tick in range(rate // 2)]
    out = io.BytesIO()
    with wave.open(out, "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(rate)
        stream.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return out.getvalue()


def script(random, language):
    """Return a short Python program."""
    title = random.choice(HEADINGS[language])
    return SCRIPT.format(title=title, number=random.randint(1, 3)).encode()


def options(random, language):
    """Return JSON."""
    names = random.sample(SIMPLE_NAMES[language], 5)
    told = {"version": random.randint(1, 9), "members": names, "notify": random.random() < 0.5}
    told["rooms"] = {name: random.choice("ABC") + str(random.randint(1, 9)) for name in names}
    return (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode()


KINDS = {
    "minutes": (minutes, "text/markdown"),
    "handbook": (minutes, "text/markdown"),
    "notes": (minutes, "text/markdown"),
    "shopping": (shopping, "text/plain"),
    "budget": (table, "text/csv"),
    "roster": (table, "text/csv"),
    "survey": (table, "text/csv"),
    "photo": (photo, "image/png"),
    "map": (plan, "image/svg+xml"),
    "handout": (handout, "application/pdf"),
    "receipt": (receipt, "application/pdf"),
    "bundle": (bundle, "application/zip"),
    "calendar": (calendar, "text/calendar"),
    "voice": (voice, "audio/x-wav"),
    "script": (script, "text/x-python"),
    "settings": (options, "application/json"),
}
