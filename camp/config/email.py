"""How mail is sent, out of one URL: EMAIL_URL.

| scheme | encryption | usual port |
|---|---|---|
| `smtp+tls` | STARTTLS, after a greeting in the clear (RFC 3207) | 587 |
| `smtps`, `smtp+ssl` | TLS from the first byte (RFC 8314) | 465 |
| `smtp` | none | 25 |
"""

from urllib.parse import parse_qsl, unquote

from django.core.exceptions import ImproperlyConfigured

from camp.config.env import FALSE, TRUE, bad_url, split_server_url

BACKEND = "django.core.mail.backends.{}.EmailBackend"
# scheme: (the usual port, STARTTLS, TLS)
SERVERS = {
    "smtp": (25, False, False),
    "smtp+tls": (587, True, False),
    "smtps": (465, False, True),
    "smtp+ssl": (465, False, True),
}
OTHERS = {
    "consolemail": "console",
    "filemail": "filebased",
    "memorymail": "locmem",
    "dummymail": "dummy",
}
SUBMISSION = (25, 587)  # ports on which servers begin in the clear
EXAMPLE = "smtp+tls://user:password@smtp.example.org:587"


def mail(env, name):
    """Return Django's EMAIL_* settings from the URL `name`; the console where none is set.

    Raises ImproperlyConfigured, which never shows the URL.
    """
    url = env.text(name).strip() or "consolemail://"
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if separator and scheme in OTHERS:
        folder = unquote(rest.partition("?")[0].partition("/")[2])
        return {"EMAIL_BACKEND": BACKEND.format(OTHERS[scheme]), "EMAIL_FILE_PATH": folder}
    if not separator or scheme not in SERVERS:
        raise ImproperlyConfigured(bad_url(name, EXAMPLE))
    parts = split_server_url(name, f"smtp://{rest}", {"smtp"}, EXAMPLE)
    if not parts["host"] or parts["name"]:
        raise ImproperlyConfigured(bad_url(name, EXAMPLE))
    port, starttls, tls = SERVERS[scheme]
    port = int(parts["port"] or port)
    if scheme == "smtps" and port in SUBMISSION:
        raise ImproperlyConfigured(
            f"{name}: smtps:// is TLS from the first byte, which servers offer on port 465. For "
            f"port {port} write smtp+tls://, or smtp+ssl:// if this server really begins with TLS."
        )
    config = {
        "EMAIL_BACKEND": BACKEND.format("smtp"),
        "EMAIL_HOST": parts["host"].strip("[]"),
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": parts["user"],
        "EMAIL_HOST_PASSWORD": parts["password"],
        "EMAIL_USE_TLS": option(name, parts["query"], "EMAIL_USE_TLS", starttls),
        "EMAIL_USE_SSL": option(name, parts["query"], "EMAIL_USE_SSL", tls),
    }
    if config["EMAIL_USE_TLS"] and config["EMAIL_USE_SSL"]:
        raise ImproperlyConfigured(f"{name}: EMAIL_USE_TLS and EMAIL_USE_SSL exclude each other.")
    return config


def option(name, query, key, default):
    """Return a bool of the URL's query, which goes before what the scheme says."""
    options = {key.upper(): value for key, value in parse_qsl(query)}
    value = options.get(key, "on" if default else "off").lower()
    if value not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{name}: {key} must be true or false.")
    return value in TRUE
