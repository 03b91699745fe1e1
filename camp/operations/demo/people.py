"""The people of the sample data: their names, languages and time zones."""

import itertools
from dataclasses import dataclass

from django.contrib.auth import get_user_model

from accounts.identity import KEYS

DOMAIN = "example.org"
# So many names at once are looked up among those that are taken.
BATCH = 1_000

FAMILY = {
    "ja": [
        *[("佐藤", "sato"), ("鈴木", "suzuki"), ("高橋", "takahashi"), ("田中", "tanaka")],
        *[("伊藤", "ito"), ("渡辺", "watanabe"), ("山本", "yamamoto"), ("中村", "nakamura")],
        *[("小林", "kobayashi"), ("加藤", "kato"), ("吉田", "yoshida"), ("山田", "yamada")],
        *[("佐々木", "sasaki"), ("松本", "matsumoto"), ("井上", "inoue"), ("木村", "kimura")],
        *[("林", "hayashi"), ("清水", "shimizu"), ("山崎", "yamazaki"), ("森", "mori")],
        *[("池田", "ikeda"), ("橋本", "hashimoto"), ("石川", "ishikawa"), ("岡田", "okada")],
    ],
    "en": [
        *["Clark", "Hughes", "Murphy", "Novak", "Okafor", "Patel", "Reid", "Silva", "Tanner"],
        *["Walsh", "Bennett", "Carter", "Dubois", "Eriksen", "Fischer", "Garcia", "Hansen"],
        *["Ivanova", "Jensen", "Kowalski", "Lindqvist", "Moreno", "Nguyen", "O'Brien"],
    ],
}
GIVEN = {
    "ja": [
        *[("陽菜", "haruna"), ("さくら", "sakura"), ("結衣", "yui"), ("美咲", "misaki")],
        *[("葵", "aoi"), ("莉子", "riko"), ("七海", "nanami"), ("彩花", "ayaka")],
        *[("千尋", "chihiro"), ("由紀", "yuki"), ("大輝", "daiki"), ("翔太", "shota")],
        *[("蓮", "ren"), ("悠斗", "yuto"), ("健太", "kenta"), ("直樹", "naoki")],
        *[("拓海", "takumi"), ("涼", "ryo"), ("誠", "makoto"), ("亮介", "ryosuke")],
    ],
    "en": [
        *["Emma", "Grace", "Hannah", "Isla", "Julia", "Maya", "Nora", "Priya", "Sofia", "Zoe"],
        *["Adam", "Ben", "Daniel", "Ethan", "Finn", "Leo", "Marcus", "Noah", "Oscar", "Tom"],
    ],
}
ZONES = {
    "ja": ["Asia/Tokyo"],
    "en": ["Asia/Tokyo", "Europe/London", "Europe/Berlin", "America/New_York", "Asia/Singapore"],
}
LANGUAGES = ("ja", "en")
# Three of five write Japanese; the first two people are one of each.
MIX = ("ja", "en", "ja", "ja", "en")


@dataclass
class Person:
    """Somebody made up, before there is a row."""

    username: str
    email: str
    called: str  # as others call them
    language: str
    time_zone: str


def invented(random, count):
    """Yield `count` people whose user names and e-mails nobody has yet."""
    found = candidates(random)
    while count > 0:
        batch = list(itertools.islice(found, min(count, BATCH)))
        free = without_taken(batch)
        yield from free
        count -= len(free)


def candidates(random):
    """Yield people without end; each name comes once, then again with a number."""
    names = {language: list(all_names(language)) for language in FAMILY}
    for each in names.values():
        random.shuffle(each)
    used = dict.fromkeys(names, 0)
    for language in itertools.cycle(MIX):
        turn, index = divmod(used[language], len(names[language]))
        used[language] += 1
        called, native, latin = names[language][index]
        number = str(turn + 1) if turn else ""
        # Some sign up with the name that they go by, in their own script.
        username = (native if native and random.random() < 0.3 else latin) + number
        email = f"{latin}{number}@{DOMAIN}"
        yield Person(username, email, called, language, random.choice(ZONES[language]))


def all_names(language):
    """Yield (as others call them, in their own script, in Latin letters)."""
    for family, given in itertools.product(FAMILY[language], GIVEN[language]):
        if language == "ja":
            yield f"{family[0]}さん", f"{family[0]}{given[0]}", f"{given[1]}.{family[1]}"
        else:
            yield given, "", f"{given}.{family}".lower().replace("'", "")


def without_taken(people):
    """Return those of `people` whose user name and e-mail nobody has."""
    users = get_user_model().objects
    taken = set()
    for column, key_of in KEYS.items():
        wanted = [key_of(getattr(person, column)) for person in people]
        found = users.filter(**{f"{column}_key__in": wanted})
        taken.update(found.values_list(f"{column}_key", flat=True))
    return [person for person in people if taken.isdisjoint(keys(person))]


def keys(person):
    """Return the keys of somebody's user name and e-mail."""
    return [key_of(getattr(person, column)) for column, key_of in KEYS.items()]
