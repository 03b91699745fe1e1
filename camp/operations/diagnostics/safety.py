"""Does the configuration keep strangers out?"""

import ipaddress
import os
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from camp.config import shell
from camp.web.findings import Finding, error, ok, warning

SECRET_LENGTH, SECRET_LETTERS = 50, 5  # at least; as Django's own check has it
LOCAL = {"localhost", "127.0.0.1", "[::1]", "testserver"}


def look():
    """Yield what is found; each thing that is well in a line of its own."""
    yield secret()
    found = [*exposure(), *inherited()]
    yield from found
    if not found:
        title = _("DEBUG, ALLOWED_HOSTS and CSRF_TRUSTED_ORIGINS are safe")
        yield ok("safety.exposure", title)
    yield https()


def exposure():
    """Does a place that is open to others show them too much?"""
    if settings.DEBUG and is_public():
        title = _("DEBUG and CAMP_HTTPS are both on")
        if not settings.CAMP_HTTPS:
            title = _("DEBUG is on in production")
        detail = _("DEBUG shows settings and code to whoever meets an error.")
        yield error("safety.debug", title, detail, "DEBUG=off", check="camp.E005")
    if "*" in settings.ALLOWED_HOSTS and not settings.DEBUG:
        yield warning(
            "safety.hosts",
            _("ALLOWED_HOSTS lets any name through"),
            _(
                "A forged Host header then decides where the links of password letters lead. "
                "Set ALLOWED_HOSTS to the names that people use."
            ),
            "ALLOWED_HOSTS=camp.example.org",
            check="camp.W001",
        )
    insecure = [each for each in settings.CSRF_TRUSTED_ORIGINS if each.startswith("http://")]
    if settings.CAMP_HTTPS and insecure:
        secure = ",".join(each.replace("http://", "https://") for each in insecure)
        yield warning(
            "safety.origins",
            _("CSRF_TRUSTED_ORIGINS trusts pages that come over plain http"),
            _("Anybody on the way can forge those. Write https:// there."),
            f"CSRF_TRUSTED_ORIGINS={secure}",
            check="camp.W002",
        )


def inherited(host=""):
    """Yield what a development machine's settings bring along, such as the old backend's.

    `host` is the address to listen on, where it is not that of the settings.
    """
    host = host or settings.HOST
    if settings.GUESSABLE_KEYS:
        names = ", ".join(settings.GUESSABLE_KEYS)
        title = _("%(names)s: a published example or easy to guess, and not used") % {
            "names": names
        }
        detail = _(
            "In development Camp uses a key of its own instead; elsewhere it does not start. "
            "Remove the line."
        )
        yield warning("safety.guessable", title, detail, fix=f"{settings.GUESSABLE_KEYS[0]}=")
    if settings.DEBUG and not is_public():
        title = _("DEBUG is on")
        detail = _("Error pages then show settings and code. Only developers of Camp need it.")
        yield warning("safety.debugging", title, detail, "DEBUG=off")
    local = all(name in LOCAL for name in settings.ALLOWED_HOSTS)
    if listens_to_others(host) and local and not settings.CAMP_HTTPS:
        title = _("Camp listens to other machines (HOST=%(host)s), which it does not answer")
        detail = _("Listen to this machine only; or name this machine in ALLOWED_HOSTS.")
        yield warning("safety.host", title % {"host": host}, detail, "HOST=127.0.0.1")
    given, folder = settings.LOCAL_STORAGE_PATH_AS_GIVEN, settings.LOCAL_STORAGE_PATH
    is_relative = given and not Path(given).expanduser().is_absolute()
    if is_relative and not folder.is_relative_to(settings.CAMP_DATA_DIR):
        title = _("LOCAL_STORAGE_PATH=%(given)s is relative: it is %(folder)s")
        detail = _(
            "It counts from Camp's own folder, not from where the old backend was. Remove the "
            "line, or write the whole path of where Camp shall keep files; bring old ones in with "
            "takeover --uploads."
        )
        values = {"given": given, "folder": folder}
        fix = f"LOCAL_STORAGE_PATH={shell.quoted(settings.CAMP_DATA_DIR / 'files')}"
        yield warning("safety.storage_path", title % values, detail, fix)


def is_public():
    """Return whether people from outside are meant to come."""
    return settings.CAMP_HTTPS or settings.CAMP_ENVIRONMENT == "production"


def listens_to_others(host):
    """Return whether an address to listen on is open to other machines."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() != "localhost"


def secret():
    """Return whether the secret key can be guessed, or read by others; never the key itself."""
    key = settings.SECRET_KEY
    weak = len(key) < SECRET_LENGTH or len(set(key)) < SECRET_LETTERS
    if weak or key.startswith("django-insecure-"):
        production = settings.CAMP_HTTPS or settings.CAMP_ENVIRONMENT == "production"
        title = _("SECRET_KEY is short or easy to guess")
        detail = _("Whoever knows it can log in as anybody. Without one Camp makes a good one.")
        code = "import secrets; print(secrets.token_urlsafe(50))"
        fix = f'{"py" if os.name == "nt" else "python3"} -c "{code}"'
        return Finding("safety.secret", "error" if production else "warning", title, detail, fix)
    file = settings.CAMP_DATA_DIR / "secret-key"
    if others_read(file):
        title = _("Other users of this machine can read %(file)s") % {"file": file}
        return warning("safety.secret", title, fix=f"chmod 600 {shell.quoted(file)}")
    return ok("safety.secret", _("SECRET_KEY is long enough"))


def https():
    """Return whether people who come from outside come over HTTPS."""
    names = [name for name in settings.ALLOWED_HOSTS if name not in LOCAL]
    if settings.CAMP_HTTPS:
        return ok("safety.https", _("People come over HTTPS"))
    if settings.CAMP_ENVIRONMENT == "production":
        title = _("This is production, and people come over plain http")
        detail = _("Passwords go over the network in clear.")
        return warning("safety.https", title, detail, "CAMP_HTTPS=on")
    if names:
        values = {"names": ", ".join(names)}
        title = _("HTTPS is off, for visitors of %(names)s too") % values
        return ok("safety.https", title)
    return ok("safety.https", _("HTTPS is off, which is fine on one's own machine"))


def others_read(file: Path) -> bool:
    """Return whether a file is readable for more than its owner."""
    try:
        return os.name != "nt" and bool(file.stat().st_mode & 0o077)
    except OSError:
        return False
