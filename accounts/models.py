"""Users, log-in attempts and the history of deleted organisers."""

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import DEFAULT_DB_ALIAS, models, transaction
from django.db.models.signals import post_delete, pre_delete, pre_save
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from accounts.hashers import add_algorithm_prefix
from accounts.identity import IdentityQuerySet, KeyField, is_marked, key_fields, with_keys
from camp.db.soft_delete import MarkedDeletionModel
from camp.fs.text import is_blank, normalize


class UserManager(BaseUserManager.from_queryset(IdentityQuerySet)):
    """Create users and find them by what they type at log-in."""

    def find(self, text):
        """Return the user whose name or e-mail is `text`, or None."""
        return self.by_login(text).first()

    def get_by_natural_key(self, username):
        """Return the user with that name or e-mail; raises User.DoesNotExist."""
        user = self.find(username)
        if user is None:
            raise self.model.DoesNotExist
        return user

    def create_user(self, username, email, password=None, **fields):
        """Create a user; without a password nobody can log in as them."""
        user = self.model(
            username=self.model.normalize_username(username),
            email=self.normalize_email(email),
            **fields,
        )
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username, email, password=None, **fields):
        """Create an administrator.

        Raises ValidationError, which `createsuperuser` prints, if the name or e-mail is taken or
        the name has no visible character.
        """
        if is_blank(username):
            raise ValidationError(UnicodeUsernameValidator.message)
        self.model(username=username, email=email).validate_identity()
        return self.create_user(
            username, email, password, **fields | {"is_staff": True, "is_superuser": True}
        )


class User(MarkedDeletionModel, AbstractBaseUser, PermissionsMixin):
    """A person with an account."""

    class EmailNews(models.TextChoices):
        """How soon e-mails tell what is new in the sessions of a person; NULL is never."""

        AT_ONCE = "at_once", _("At once")
        DAILY = "daily", _("Once a day")

    email = models.EmailField(
        _("e-mail"),
        max_length=255,
        unique=True,
        error_messages={"unique": _("This e-mail already has an account.")},
    )
    username = models.CharField(
        _("user name"),
        max_length=50,
        unique=True,
        help_text=_("At most 50 letters, digits and . + - _ in any script."),
        validators=[
            UnicodeUsernameValidator(),
            # A user name that looks like an e-mail could match someone else's.
            RegexValidator("@", _("A user name cannot contain “@”."), inverse_match=True),
        ],
        error_messages={"unique": _("This user name is taken.")},
    )
    password = models.CharField(_("password"), max_length=255, db_column="hashed_password")
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Inactive users cannot log in.")
    )
    is_staff = models.BooleanField(
        _("organiser"), default=False, help_text=_("Can open the administration.")
    )
    language = models.CharField(_("language"), max_length=10, default="", blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, default="", blank=True)
    # NULL rather than "": SQLite adds a nullable column without a new table.
    email_news = models.CharField(
        _("e-mail about news"),
        max_length=10,
        choices=EmailNews,
        null=True,
        blank=True,
        help_text=_("About new messages and mentions in sessions that you share with others."),
    )
    # Older news were e-mailed, or will never be.
    notified_up_to = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("signed up"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    # Lookups and uniqueness use these keys.
    username_key = KeyField(source="username")
    email_key = KeyField(source="email")

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ["email"]

    class Meta:
        db_table = "sample_users"
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            # Constraints on expressions become indexes, so SQLite need not rebuild the table.
            models.UniqueConstraint(
                models.F("username_key"),
                name="sample_users_username_folded",
                violation_error_message=_("This user name is taken."),
            ),
            models.UniqueConstraint(
                models.F("email_key"),
                name="sample_users_email_folded",
                violation_error_message=_("This e-mail already has an account."),
            ),
        ]
        # For the orders of the organisers' list, and for filters that leave few.
        indexes = [
            models.Index("created_at", "id", name="sample_users_all_created"),
            models.Index("last_login", "username", name="sample_users_last_login"),
            models.Index("username", condition=models.Q(is_active=False), name="sample_users_off"),
            models.Index("username", condition=models.Q(is_staff=True), name="sample_users_staff"),
            models.Index(
                "username", condition=models.Q(is_superuser=True), name="sample_users_superuser"
            ),
            # For `manage.py notify`.
            models.Index(
                "email_news",
                "id",
                condition=models.Q(email_news__isnull=False),
                name="sample_users_news",
            ),
        ]

    def __str__(self):
        return self.username

    @classmethod
    def normalize_username(cls, username):
        """Return a user name in NFKC, in linear time."""
        return normalize(username) if isinstance(username, str) else username

    def save(self, *args, update_fields=None, **kwargs):
        """Save like Django; `update_fields` with a name or an e-mail includes its key."""
        super().save(*args, update_fields=with_keys(type(self), update_fields), **kwargs)

    save.alters_data = True

    def validate_unique(self, exclude=None):
        """Raise ValidationError if the name or e-mail is taken in any spelling."""
        errors = {}
        try:
            super().validate_unique(exclude)
        except ValidationError as error:
            errors = error.error_dict
        try:
            self.validate_identity({*(exclude or ()), *errors})
        except ValidationError as error:
            errors |= error.error_dict
        if errors:
            raise ValidationError(errors)

    def validate_identity(self, exclude=()):
        """Check the keys only."""
        others = type(self)._default_manager.exclude(pk=self.pk)
        errors = {}
        for source, field in key_fields(type(self)).items():
            key = field.key_of(self)
            if key is None or is_marked(key) or source in exclude:
                continue
            if others.filter(**{field.name: key}).exists():
                errors[source] = self.unique_error_message(type(self), [source])
        if errors:
            raise ValidationError(errors)

    def check_password(self, raw_password):
        """Return whether the password is right; upgrades a raw hash to Argon2."""
        stored, self.password = self.password, add_algorithm_prefix(self.password)
        correct = super().check_password(raw_password)
        if not correct:
            self.password = stored
        return correct

    async def acheck_password(self, raw_password):
        """See check_password()."""
        return await sync_to_async(self.check_password)(raw_password)

    @property
    def chosen_language(self):
        """The language of the profile; "" if there is none, or if Camp does not offer it."""
        return self.language if self.language in dict(settings.LANGUAGES) else ""

    def get_full_name(self):
        """Return the name that Django's admin shows."""
        return self.username

    def get_short_name(self):
        """Return the name that Django's admin greets with."""
        return self.username


class AttemptCounter(models.Model):
    """The number of attempts at something that is limited; see accounts.limits."""

    class Kind(models.TextChoices):
        """What is counted, and per what."""

        LOGIN = "login", _("passwords for an account from one address")
        ACCOUNT = "account", _("passwords for an account")
        ADDRESS = "address", _("log-ins from one address")
        MAILBOX = "mailbox", _("password e-mails to one mailbox")
        ASKER = "asker", _("password e-mails requested from one address")
        PEOPLE = "people", _("unknown people looked for by an account")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    # The account's id, or a digest of what was typed; "" for limits per address.
    subject = models.CharField(max_length=80, default="", editable=False)
    # For the admin. Rows of deleted accounts expire soon.
    user = models.ForeignKey(
        User,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("user"),
    )
    address = models.CharField(_("address"), max_length=45, default="")
    count = models.PositiveIntegerField(_("tries"), default=0)
    ends_at = models.DateTimeField(_("counted until"))

    class Meta:
        db_table = "camp_attempt_counters"
        verbose_name = _("attempt counter")
        verbose_name_plural = _("attempt counters")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject", "address"], name="camp_attempt_counters_one"
            )
        ]
        indexes = [
            # The sweep deletes expired rows by this index.
            models.Index("ends_at", name="camp_attempt_counters_over"),
        ]

    def __str__(self):
        return self.get_kind_display()


@receiver(pre_save, sender=User, dispatch_uid="accounts.keys_of_fixtures")
def set_keys_of_fixture(sender, instance, raw, **kwargs):
    """Set the keys of a row loaded from a fixture."""
    if raw:
        for field in key_fields(sender).values():
            field.pre_save(instance, add=True)


class FormerLogEntry(models.Model):
    """An admin action of someone whose account is deleted.

    Django deletes its log entries with the account. The person is not stored, only that several
    entries are of the same person.
    """

    former_pk = models.BigIntegerField(_("number of the account"))
    action_time = models.DateTimeField(_("action time"))
    action_flag = models.PositiveSmallIntegerField(_("action"))
    content_type = models.ForeignKey(
        ContentType, models.SET_NULL, null=True, verbose_name=_("kind of object")
    )
    object_id = models.TextField(null=True)
    object_repr = models.CharField(_("object"), max_length=200)
    change_message = models.TextField()

    class Meta:
        db_table = "camp_former_log_entries"
        # The list of organisers and its filters.
        indexes = [
            models.Index("action_time", "id", name="camp_former_log_time"),
            models.Index("content_type", "action_time", "id", name="camp_former_log_kind"),
        ]
        verbose_name = _("log entry of a deleted account")
        verbose_name_plural = _("log entries of deleted accounts")

    def __str__(self):
        return self.object_repr


def preserve_log_entries(pk, using=DEFAULT_DB_ALIAS):
    """Turn the log entries of the user `pk` into FormerLogEntries; yields after each 500."""
    columns = (
        *("action_time", "action_flag", "content_type_id"),
        *("object_id", "object_repr", "change_message"),
    )
    entries = LogEntry.objects.using(using).filter(user=pk).order_by("pk")
    while batch := list(entries.values("pk", *columns)[:500]):
        with transaction.atomic(using=using, savepoint=False):
            keys = [entry.pop("pk") for entry in batch]
            former = [FormerLogEntry(former_pk=pk, **entry) for entry in batch]
            FormerLogEntry.objects.using(using).bulk_create(former)
            entries.filter(pk__in=keys).delete()
        yield


@receiver(pre_delete, sender=User)
def preserve_log_entries_of_deleted(instance, using, **kwargs):
    """Keep an organiser's log entries without their name when the account is deleted."""
    for _batch in preserve_log_entries(instance.pk, using):
        pass


@receiver(post_delete, sender=User)
def remove_name_from_log(instance, using, **kwargs):
    """Replace a deleted person's name in other people's log entries by a number.

    Those are about the account, or about a row that represents it, such as a quota.
    """
    own = [one.related_model for one in User._meta.related_objects if one.field.primary_key]
    kinds = ContentType.objects.db_manager(using).get_for_models(User, *own).values()
    for model in (LogEntry, FormerLogEntry):
        entries = model.objects.using(using)
        entries = entries.filter(content_type__in=kinds, object_id=str(instance.pk))
        entries.update(object_repr=f"#{instance.pk}")
