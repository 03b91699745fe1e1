"""Time zones that people can choose."""

from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

REGIONS = {
    "Africa": gettext_lazy("Africa"),
    "America": gettext_lazy("America"),
    "Antarctica": gettext_lazy("Antarctica"),
    "Arctic": gettext_lazy("Arctic"),
    "Asia": gettext_lazy("Asia"),
    "Atlantic": gettext_lazy("Atlantic"),
    "Australia": gettext_lazy("Australia"),
    "Europe": gettext_lazy("Europe"),
    "Indian": gettext_lazy("Indian Ocean"),
    "Pacific": gettext_lazy("Pacific"),
}


@cache
def get_zone(name):
    """Return the ZoneInfo of that name, or None if it does not exist."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@cache
def zone_names():
    """Return the names of all zones, sorted: one per place, without old spellings.

    Read from the `get_zone.tab` of the tzdata package, so that every system offers the same.
    """
    table = resources.files("tzdata") / "zoneinfo" / "zone.tab"
    lines = table.read_text(encoding="utf-8").splitlines()
    return sorted(line.split("\t")[2] for line in lines if line and not line.startswith("#"))


@cache
def place_names(language):
    """Return the places of zones in a language, by the zones' names; {} for English."""
    table = Path(__file__).with_name(f"time_zones_{language}.tsv")
    if not table.exists():
        return {}
    lines = table.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines if not line.startswith("#"))


def place_name(zone):
    """Return the place of a zone, without its region, in the reader's language."""
    plain = zone.partition("/")[2].replace("_", " ").replace("/", " / ")
    return place_names(get_language() or "").get(zone, plain)


def zone_label(zone):
    """Return a zone as `Asia / Tokyo`, in the reader's language."""
    region = REGIONS.get(zone.partition("/")[0])
    return f"{region} / {place_name(zone)}" if region else zone


def grouped_choices(kept=""):
    """Return the choices of a select, grouped by region; always includes `kept`."""
    return make_choices(get_language(), extra_zone(kept))


def options_html(kept=""):
    """Return the same as HTML, without the select, and none of them selected."""
    return make_options(get_language(), extra_zone(kept))


def extra_zone(kept):
    """Return `kept` if it is a zone that is not offered, else ""."""
    return kept if kept not in ("", "UTC", *zone_names()) and get_zone(kept) else ""


@lru_cache(maxsize=100)
def make_choices(language, extra):
    """Return the choices in the language, which must be the active one."""
    groups = {region: [] for region in REGIONS}
    for name in zone_names():
        groups[name.partition("/")[0]].append((name, place_name(name)))
    return [
        ("", _("Camp’s own (%(zone)s)") % {"zone": zone_label(settings.TIME_ZONE)}),
        *((name, name) for name in ("UTC", extra) if name),
        *(
            (str(REGIONS[region]), sorted(rows, key=lambda row: row[1]))
            for region, rows in groups.items()
        ),
    ]


@lru_cache(maxsize=100)
def make_options(language, extra):
    """Return the choices as HTML."""
    option, group = '<option value="{}">{}</option>', '<optgroup label="{}">{}</optgroup>'
    return format_html_join(
        "",
        "{}",
        (
            (format_html(group, name, format_html_join("", option, choices)),)
            if isinstance(choices, list)
            else (format_html(option, name, choices),)
            for name, choices in make_choices(language, extra)
        ),
    )
