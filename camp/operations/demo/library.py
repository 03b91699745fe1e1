"""The files of the sample data: what they are called, and what is in them."""

from dataclasses import dataclass
from itertools import accumulate

from camp.operations.demo import contents, stories

# How often, the name, the content; {…} is filled in for each file.
NAMES = {
    "ja": [
        (7, "議事録 {date}.md", "minutes"),
        (4, "{place}合宿のしおり.md", "handbook"),
        (4, "勉強会メモ 第{number}回 {subject}.md", "notes"),
        (3, "買い物リスト {month}月.txt", "shopping"),
        (3, "メモ {date}.txt", "shopping"),
        (4, "予算案 {year}年{month}月.csv", "budget"),
        (4, "参加者名簿 {place}合宿.csv", "roster"),
        (3, "アンケート集計 第{number}回.csv", "survey"),
        (14, "IMG_{photo}.png", "photo"),
        (6, "{place}の写真 {number}.png", "photo"),
        (3, "会場案内図 {place}.svg", "map"),
        (6, "第{number}回 {subject} 配布資料.pdf", "handout"),
        (4, "{place}合宿 案内.pdf", "handout"),
        (3, "領収書 {date}.pdf", "receipt"),
        (2, "{place}合宿 資料一式.zip", "bundle"),
        (2, "練習問題 第{number}章.zip", "bundle"),
        (2, "日程 {month}月.ics", "calendar"),
        (2, "録音メモ {date}.wav", "voice"),
        (2, "集計 第{number}回.py", "script"),
        (2, "設定 {date}.json", "settings"),
    ],
    "en": [
        (6, "Minutes {date}.md", "minutes"),
        (4, "{place} camp handbook.md", "handbook"),
        (4, "Notes {number} - {subject}.md", "notes"),
        (4, "Shopping list {date}.txt", "shopping"),
        (4, "Budget {year}-{month:02}.csv", "budget"),
        (4, "Participants {place}.csv", "roster"),
        (3, "Survey results {number}.csv", "survey"),
        (14, "IMG_{photo}.png", "photo"),
        (5, "{place} {number}.png", "photo"),
        (3, "Map of {place}.svg", "map"),
        (6, "Handout {number} {subject}.pdf", "handout"),
        (3, "Kick-off notes {date}.pdf", "handout"),
        (3, "Receipt {date}.pdf", "receipt"),
        (3, "{place} documents.zip", "bundle"),
        (2, "Dates {year}-{month:02}.ics", "calendar"),
        (2, "Voice memo {date}.wav", "voice"),
        (2, "analysis_{number}.py", "script"),
        (2, "settings {date}.json", "settings"),
    ],
}
# Newer drafts of the same thing, as people name them.
DRAFTS = {
    "ja": ["", "", "", "", "", "", " v2", " 修正版", " 最終版", " (2)"],
    "en": ["", "", "", "", "", "", " v2", " revised", " final", " (2)"],
}


@dataclass(frozen=True)
class Sample:
    """A file before it has an owner and a place."""

    filename: str
    content: contents.Content


class Library:
    """Draws sample files of one language; `variety` is how many contents each kind has."""

    def __init__(self, random, language, variety):
        self._random = random
        self._language = language
        self._variety = variety
        weights, self._patterns, self._kinds = zip(*NAMES[language], strict=True)
        self._choices = range(len(weights))
        self._weights = list(accumulate(weights))
        self._made = {}

    def draw(self, moment):
        """Return a Sample; `moment` is the datetime that its name may tell."""
        random = self._random
        [index] = random.choices(self._choices, cum_weights=self._weights)
        name = self._patterns[index].format(
            place=pick(random, stories.PLACES[self._language]),
            subject=pick(random, stories.SUBJECTS[self._language]),
            number=2 + int(random.random() * 11),
            photo=f"{1000 + int(random.random() * 9000)}",
            date=f"{moment.year}-{moment.month:02}-{moment.day:02}",
            year=moment.year,
            month=moment.month,
        )
        if draft := pick(random, DRAFTS[self._language]):
            stem, dot, suffix = name.rpartition(".")
            name = stem + draft + dot + suffix
        return Sample(name, self._content(self._kinds[index]))

    def _content(self, kind):
        """Return one of the contents of a kind; each is made when it is first wanted."""
        chosen = kind, int(self._random.random() * self._variety)
        if chosen not in self._made:
            self._made[chosen] = contents.make(self._random, self._language, kind)
        return self._made[chosen]


def pick(random, several):
    """Return one of `several`; a million times over, quicker than random.choice."""
    return several[int(random.random() * len(several))]
