"""The people, messages and file names of the sample data, drawn from `ja.toml` and `en.toml`."""

import itertools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

DOMAIN = "example.org"
LANGUAGES = ("ja", "en")
# Three in five people write Japanese; the first two are one of each.
MIX = ("ja", "en", "ja", "ja", "en")
ASSISTANT = "AI: "  # marks the assistant's messages in the stories
Texts = dict[str, Any]  # of one language
TEXTS: dict[str, Texts] = {
    language: tomllib.loads(Path(__file__).with_name(f"{language}.toml").read_text("utf-8"))
    for language in LANGUAGES
}


@dataclass
class Person:
    """An invented person, not yet saved."""

    username: str
    email: str
    nickname: str
    language: str
    time_zone: str


def invent_people(random: Random) -> Iterator[Person]:
    """Yield people without end; once all names are used they come again with a number."""
    names = {language: list(all_names(language)) for language in LANGUAGES}
    for several in names.values():
        random.shuffle(several)
    used = dict.fromkeys(LANGUAGES, 0)
    for language in itertools.cycle(MIX):
        turn, index = divmod(used[language], len(names[language]))
        used[language] += 1
        nickname, full_name, latin = names[language][index]
        number = str(turn + 1) if turn else ""
        native = full_name and random.random() < 0.3
        yield Person(
            username=(full_name if native else latin) + number,
            email=f"{latin}{number}@{DOMAIN}",
            nickname=nickname,
            language=language,
            time_zone=random.choice(TEXTS[language]["time_zones"]),
        )


def all_names(language: str) -> Iterator[tuple[str, str, str]]:
    """Yield (nickname, full name in Japanese script or "", user name in Latin letters)."""
    texts = TEXTS[language]
    for pair in itertools.product(texts["family_names"], texts["given_names"]):
        family, given = (name.split() for name in pair)
        values = {"family": family[0], "given": given[0]}
        latin = f"{given[-1]}.{family[-1]}".lower().replace("'", "")
        yield texts["nickname"].format(**values), texts["full_name"].format(**values), latin


def write_session(
    random: Random, language: str, nickname: str
) -> tuple[str, list[tuple[str, str]]]:
    """Return the title and the (role, text) messages of a session that mentions `nickname`."""
    texts = TEXTS[language]
    values = {
        "name": nickname,
        "place": random.choice(texts["places"]),
        "subject": random.choice(texts["subjects"]),
        "number": random.randint(2, 12),
        "count": random.randint(14, 36),
        "amount": f"{random.randint(11, 19)},{random.choice('2468')}00",
    }
    story = random.choice(texts["stories"])
    messages = story["messages"][: random.randint(2, len(story["messages"]))]
    messages += random.sample(texts["remarks"], random.choice([0, 0, 1, 1, 2, 4]))
    roles = ["assistant" if text.startswith(ASSISTANT) else "user" for text in messages]
    filled = [text.removeprefix(ASSISTANT).format(**values) for text in messages]
    return story["title"].format(**values), list(zip(roles, filled, strict=True))


def name_file(random: Random, language: str, moment: datetime) -> tuple[str, str]:
    """Return a file name that may contain the date of `moment`, and the kind of its content."""
    texts = TEXTS[language]
    [(_weight, name, kind)] = random.choices(texts["files"], [row[0] for row in texts["files"]])
    name = name.format(
        place=random.choice(texts["places"]),
        subject=random.choice(texts["subjects"]),
        number=random.randint(2, 12),
        photo=random.randint(1000, 9999),
        date=f"{moment:%Y-%m-%d}",
        year=moment.year,
        month=moment.month,
    )
    stem, dot, suffix = name.rpartition(".")
    return stem + random.choice(texts["drafts"]) + dot + suffix, kind
