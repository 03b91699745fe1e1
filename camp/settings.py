"""Camp's only settings module: the environment, read by camp.config.env, with safe defaults.

Every variable is listed in `.env.example` and in the README.
"""

from datetime import timedelta
from pathlib import Path

from camp.config import env as environment
from camp.config import s3, secret_key, urls
from camp.web import logging

BASE_DIR = Path(__file__).resolve().parent.parent
env = environment.load(BASE_DIR)
MISSPELT_VARIABLES = environment.find_misspelt(env, BASE_DIR / ".env.example")

# Data directory
CAMP_DATA_DIR = env.folder("CAMP_DATA_DIR", BASE_DIR / "var", base=BASE_DIR)
LOCAL_STORAGE_PATH = env.folder("LOCAL_STORAGE_PATH", CAMP_DATA_DIR / "files", base=BASE_DIR)
LOCAL_STORAGE_PATH_AS_GIVEN = env.text("LOCAL_STORAGE_PATH").strip()
BACKUP_FOLDER = env.folder("CAMP_BACKUP_DIR", CAMP_DATA_DIR / "backups", base=BASE_DIR)
SETUP_TOKEN_FILE = CAMP_DATA_DIR / "setup-token"

# Core
CAMP_HTTPS = env.boolean("CAMP_HTTPS")
CAMP_ENVIRONMENT = env.choice(
    "CAMP_ENVIRONMENT",
    "production" if CAMP_HTTPS else "development",
    ["development", "staging", "production"],
)
DEBUG = env.boolean("DEBUG")
SECRET_KEY, SECRET_KEY_FALLBACKS, GUESSABLE_KEYS = secret_key.choose_secret_key(
    env, CAMP_DATA_DIR / "secret-key", strict=CAMP_ENVIRONMENT != "development"
)
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, minimum=1, maximum=65535)
# Worker processes of `manage.py up`; None for one per processor
WORKERS = env.integer("WORKERS", None, minimum=1, maximum=256)
# Entries may have a port, which links use; Django validates host names only.
_hosts = env.names("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
ALLOWED_HOSTS_WITH_PORT = [name for name in _hosts if environment.has_port(name)]
ALLOWED_HOSTS = [environment.without_port(name) for name in _hosts]
# Camp's address in e-mails that no request asks for
SITE_URL = urls.read_site(env, "SITE_URL")
ROOT_URLCONF = "camp.urls"
WSGI_APPLICATION = "camp.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "camp.apps.CampConfig",
    "accounts.apps.AccountsConfig",
    "sessions_app.apps.SessionsConfig",
    "files.apps.FilesConfig",
    "camp.apps.CampAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "camp.apps.LogInGuardConfig",
]

MIDDLEWARE = [
    "camp.web.middleware.RequestLogMiddleware",
    "camp.web.middleware.SecurityHeadersMiddleware",
    "camp.web.middleware.CompressionMiddleware",
    "camp.web.health.HealthMiddleware",
    "camp.web.middleware.FormEncodingMiddleware",
    "camp.web.database_errors.DatabaseErrorMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "camp.web.request_limits.RequestLimitsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "accounts.middleware.AuthenticationMiddleware",
    "accounts.middleware.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "camp.web.request_limits.AnonymousBodyMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "camp.web.middleware.MethodNotAllowedMiddleware",
    "camp.web.middleware.UnstorableValueMiddleware",
    "camp.web.external_references.ExternalReferenceMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "camp.web.rendering.template_loader.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
    {
        # The rows of long lists
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates" / "jinja2"],
        "OPTIONS": {
            "environment": "camp.web.rendering.jinja.environment",
            "trim_blocks": True,
            "lstrip_blocks": True,
        },
    },
]

# Database and cache
DATABASES = {"default": urls.read_database(env, "DATABASE_URL", CAMP_DATA_DIR / "camp.sqlite3")}
# Time limit of one SQL statement of a page; 0 disables
STATEMENT_TIMEOUT = env.duration("STATEMENT_TIMEOUT", timedelta(seconds=10))

REDIS_URL = urls.read_redis(env, "REDIS_URL")
CACHE_TTL = env.integer("CACHE_TTL", 300, minimum=1)  # seconds
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "camp.cache.redis_cache.ResilientRedisCache",
            "LOCATION": REDIS_URL,
            "TIMEOUT": CACHE_TTL,
            "KEY_PREFIX": env.text("CACHE_PREFIX", "camp"),
        }
    }
else:
    CACHES = {
        "default": {
            "BACKEND": "camp.cache.file_cache.FileCache",
            "LOCATION": CAMP_DATA_DIR / "cache.sqlite3",
            "TIMEOUT": CACHE_TTL,
            "KEY_PREFIX": "camp",
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        }
    }

# Parts of pages that are the same for many people, by the template tag `cache`
CACHES["template_fragments"] = {
    "BACKEND": "django.core.cache.backends."
    + ("dummy.DummyCache" if DEBUG else "locmem.LocMemCache"),
    "LOCATION": "template_fragments",
    "OPTIONS": {"MAX_ENTRIES": 1000},
}

# Log-in
SIGNUP_OPEN = env.choice("SIGNUP", "open", ["open", "closed"]) == "open"
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "accounts.backends.LoginBackend",
]
PASSWORD_HASHERS = [
    "accounts.hashers.Argon2PasswordHasher",
    "accounts.hashers.PBKDF2PasswordHasher",
    "accounts.hashers.ScryptPasswordHasher",
    # Hashes of the old backend: bcrypt over hex SHA-256, plain bcrypt, and raw hashes.
    "accounts.hashers.BCryptSHA256PasswordHasher",
    "accounts.hashers.TruncatingBCryptPasswordHasher",
    "accounts.hashers.OldBackendHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AXES_FAILURE_LIMIT = env.integer("LOGIN_FAILURE_LIMIT", 5, minimum=1)
AXES_COOLOFF_TIME = env.duration("LOGIN_COOLOFF", timedelta(minutes=15))
# Wrong passwords per address, for any account; a whole camp may share an address.
LOGIN_ADDRESS_LIMIT = env.integer("LOGIN_ADDRESS_LIMIT", 50, minimum=1)
# Counted in the database, so that it works while Redis is down.
AXES_HANDLER = "accounts.throttle.Handler"
AXES_CLIENT_IP_CALLABLE = "accounts.throttle.client_address"
AXES_LOCKOUT_CALLABLE = "accounts.throttle.lockout_response"
# Do not record when and from where people log in.
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
# Camp's own admin shows the attempts, without what people typed.
AXES_ENABLE_ADMIN = False

# Files
MAX_UPLOAD_SIZE = env.size("MAX_UPLOAD_SIZE", 5 * 2**30)  # bytes
UPLOAD_STAGING = LOCAL_STORAGE_PATH / ".staging"
# Quota per person in bytes, including the trash; 0 disables
USER_QUOTA = env.size("USER_QUOTA", 0)
# How long an interrupted upload can be resumed
UPLOAD_EXPIRES = env.duration("UPLOAD_EXPIRES", timedelta(hours=24))
TRASH_DAYS = env.integer("TRASH_DAYS", 30, minimum=1)
# Number of earlier versions kept per file
FILE_VERSIONS = env.integer("FILE_VERSIONS", 5, minimum=0, maximum=1000)
# nginx's internal location for LOCAL_STORAGE_PATH; nginx then sends the bytes (X-Accel-Redirect)
X_ACCEL_REDIRECT = env.text("X_ACCEL_REDIRECT")
# Presigned URL lifetime in seconds; 0 disables
S3_PRESIGNED_DOWNLOADS = s3.presigned(env)
# Only upload views accept files; elsewhere they are discarded.
FILE_UPLOAD_HANDLERS = ["camp.web.upload_handlers.RefuseFiles"]
DATA_UPLOAD_MAX_NUMBER_FILES = 2000
STORAGES = {
    "default": s3.storage(env)
    or {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": LOCAL_STORAGE_PATH},
    },
    "staticfiles": {"BACKEND": "camp.storage.static.StaticFilesStorage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = CAMP_DATA_DIR / "static"
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

# Languages and time
LANGUAGE_CODE = env.choice("LANGUAGE_CODE", "en", ["en", "ja"])
LANGUAGES = [("ja", "日本語"), ("en", "English")]
# The only language, if one is fixed. Not called LANGUAGE: many desktops set that for gettext.
CAMP_LANGUAGE = env.choice("CAMP_LANGUAGE", "", ["en", "ja"])
if CAMP_LANGUAGE:
    LANGUAGE_CODE = CAMP_LANGUAGE
    LANGUAGES = [(CAMP_LANGUAGE, dict(LANGUAGES)[CAMP_LANGUAGE])]
LOCALE_PATHS = [BASE_DIR / "camp" / "locale"]
TIME_ZONE = env.time_zone("TIME_ZONE", "Asia/Tokyo")
USE_TZ = True

# E-mail, sent by a background thread: see camp.web.background
BACKGROUND_JOBS_INLINE = False
locals().update(urls.read_email(env, "EMAIL_URL"))
EMAIL_IS_SET_UP = bool(env.text("EMAIL_URL").strip())
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Camp <camp@localhost>")

# Security
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS")
CSRF_FAILURE_VIEW = "camp.web.views.csrf_failure"
SESSION_ENGINE = "accounts.login_sessions"  # in the database: a log-out holds without the cache
SESSION_COOKIE_NAME = "camp_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
# Camp uses none of these features, and neither may content that it shows.
UNUSED_FEATURES = (
    "accelerometer browsing-topics camera display-capture geolocation gyroscope hid magnetometer "
    "microphone midi payment serial usb xr-spatial-tracking"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        # Some versions of Firefox load the icons, `<use>` of another file, by default-src.
        "default-src 'self'; child-src 'none'; frame-src 'none'; object-src 'none'; "
        "worker-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; media-src 'self'; manifest-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES.split()),
    "Cross-Origin-Resource-Policy": "same-origin",
}
if CAMP_HTTPS:
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^health/"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 31_536_000)
    # Subdomains may not use HTTPS, and a preload takes months to undo, so both are opt-in and
    # Django need not warn about them.
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env.boolean("HSTS_SUBDOMAINS")
    SECURE_HSTS_PRELOAD = env.boolean("HSTS_PRELOAD")
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

# Logs
LOG_JSON = env.boolean("LOG_JSON")
LOG_LEVEL = env.choice("LOG_LEVEL", "info", ["debug", "info", "warning", "error"]).upper()
LOGGING = logging.logging_config(level=LOG_LEVEL, as_json=LOG_JSON)
