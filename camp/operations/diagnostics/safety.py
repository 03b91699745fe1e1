"""Is the configuration secure?"""

import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from camp.config import shell
from camp.web.findings import ERROR, WARNING, Finding, error, ok, warning

SECRET_LENGTH, SECRET_LETTERS = 50, 5  # at least; as Django's own check has it
LOCAL = {"localhost", "127.0.0.1", "[::1]", "testserver"}


def check_safety() -> Iterator[Finding]:
    """Yield the state of the secret key, of the settings for visitors, and of HTTPS."""
    yield check_secret_key()
    yield from check_variables()
    found = [*check_exposure(), *check_development_settings()]
    yield from found
    if not found:
        title = _("DEBUG, ALLOWED_HOSTS and CSRF_TRUSTED_ORIGINS are safe")
        yield ok("safety.exposure", title)
    yield check_https()


def check_exposure() -> Iterator[Finding]:
    """Yield settings that are dangerous on a public instance."""
    if settings.DEBUG and is_public():
        title = _("DEBUG and CAMP_HTTPS are both on")
        if not settings.CAMP_HTTPS:
            title = _("DEBUG is on in production")
        detail = _("Error pages then show settings and code to everybody.")
        yield error("safety.debug", title, detail, "DEBUG=off", check="camp.E005")
    if "*" in settings.ALLOWED_HOSTS and not settings.DEBUG:
        yield warning(
            "safety.hosts",
            _("ALLOWED_HOSTS accepts any host name"),
            _(
                "A forged Host header can then redirect the links of password e-mails. Set "
                "ALLOWED_HOSTS to the names that people use."
            ),
            "ALLOWED_HOSTS=camp.example.org",
            check="camp.W001",
        )
    insecure = [each for each in settings.CSRF_TRUSTED_ORIGINS if each.startswith("http://")]
    if settings.CAMP_HTTPS and insecure:
        secure = ",".join(each.replace("http://", "https://") for each in insecure)
        yield warning(
            "safety.origins",
            _("CSRF_TRUSTED_ORIGINS trusts pages served over plain HTTP"),
            _("Anybody on the network path can forge those. Write https:// there."),
            f"CSRF_TRUSTED_ORIGINS={secure}",
            check="camp.W002",
        )


def check_variables() -> Iterator[Finding]:
    """Yield variables of the `.env` files that are unknown and look like a known one."""
    for name, file, known in settings.MISSPELT_VARIABLES:
        values = {"name": name, "file": file, "known": known}
        title = _("%(name)s in %(file)s is unknown and has no effect") % values
        detail = _("Did you mean %(known)s?") % values
        yield warning("safety.variable", title, detail, f"{known}=…")


def check_development_settings(host: str = "") -> Iterator[Finding]:
    """Yield settings left from a development machine, such as the old backend's.

    `host` is the address to listen on, by default that of the settings.
    """
    host = host or settings.HOST
    if settings.GUESSABLE_KEYS:
        names = ", ".join(settings.GUESSABLE_KEYS)
        title = _("%(names)s: a published example or easy to guess, and not used") % {
            "names": names
        }
        detail = _(
            "In development Camp uses a generated key instead; in production it does not start. "
            "Remove the line."
        )
        yield warning("safety.guessable", title, detail, fix=f"{settings.GUESSABLE_KEYS[0]}=")
    if settings.DEBUG and not is_public():
        title = _("DEBUG is on")
        detail = _("Error pages then show settings and code. Only developers of Camp need it.")
        yield warning("safety.debugging", title, detail, "DEBUG=off")
    local = all(name in LOCAL for name in settings.ALLOWED_HOSTS)
    if listens_to_others(host) and local and not settings.CAMP_HTTPS:
        title = _("Camp listens on the network (HOST=%(host)s), but ALLOWED_HOSTS is local")
        detail = _("Listen on this machine only, or add its name to ALLOWED_HOSTS.")
        yield warning("safety.host", title % {"host": host}, detail, "HOST=127.0.0.1")
    given, folder = settings.LOCAL_STORAGE_PATH_AS_GIVEN, settings.LOCAL_STORAGE_PATH
    is_relative = given and not Path(given).expanduser().is_absolute()
    if is_relative and not folder.is_relative_to(settings.CAMP_DATA_DIR):
        title = _("LOCAL_STORAGE_PATH=%(given)s is relative and means %(folder)s")
        detail = _(
            "It is relative to Camp's own folder, not to the old backend's. Remove the line, or "
            "write an absolute path; import old files with takeover --uploads."
        )
        values = {"given": given, "folder": folder}
        fix = f"LOCAL_STORAGE_PATH={shell.quote(settings.CAMP_DATA_DIR / 'files')}"
        yield warning("safety.storage_path", title % values, detail, fix)


def is_public() -> bool:
    """Return whether the instance is meant for other people."""
    return settings.CAMP_HTTPS or settings.CAMP_ENVIRONMENT == "production"


def listens_to_others(host: str) -> bool:
    """Return whether other machines can reach an address to listen on."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() != "localhost"


def check_secret_key() -> Finding:
    """Return whether others can guess or read the secret key; never contains the key."""
    key = settings.SECRET_KEY
    weak = len(key) < SECRET_LENGTH or len(set(key)) < SECRET_LETTERS
    if weak or key.startswith("django-insecure-"):
        title = _("SECRET_KEY is short or easy to guess")
        detail = _("Anyone who knows it can log in as anybody. Without one Camp generates one.")
        code = "import secrets; print(secrets.token_urlsafe(50))"
        fix = f'{"py" if os.name == "nt" else "python3"} -c "{code}"'
        return Finding("safety.secret", ERROR if is_public() else WARNING, title, detail, fix)
    file = settings.CAMP_DATA_DIR / "secret-key"
    if is_readable_by_others(file):
        title = _("Other users of this machine can read %(file)s") % {"file": file}
        return warning("safety.secret", title, fix=f"chmod 600 {shell.quote(file)}")
    return ok("safety.secret", _("SECRET_KEY is long enough"))


def check_https() -> Finding:
    """Return whether visitors use HTTPS."""
    names = [name for name in settings.ALLOWED_HOSTS if name not in LOCAL]
    if settings.CAMP_HTTPS:
        return ok("safety.https", _("Visitors use HTTPS"))
    if settings.CAMP_ENVIRONMENT == "production":
        title = _("This is production, and HTTPS is off")
        detail = _("Passwords cross the network unencrypted.")
        return warning("safety.https", title, detail, "CAMP_HTTPS=on")
    if names:
        values = {"names": ", ".join(names)}
        title = _("HTTPS is off, also for visitors of %(names)s") % values
        return ok("safety.https", title)
    return ok("safety.https", _("HTTPS is off, which is fine on a private machine"))


def is_readable_by_others(file: Path) -> bool:
    """Return whether users other than the owner may access a file."""
    try:
        return os.name != "nt" and bool(file.stat().st_mode & 0o077)
    except OSError:
        return False
