"""People who log in."""

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.hashers import recognisable


class UserManager(BaseUserManager):
    """Makes people and finds them by what they type at log-in."""

    def by_login(self, text):
        """Return the users whose name or e-mail is `text`, case ignored."""
        lowered = Lower(models.Value(text.strip()))
        if "@" in text:
            return self.alias(email_key=Lower("email")).filter(email_key=lowered)
        name = Lower(models.Value(self.model.normalize_username(text.strip())))
        return self.alias(username_key=Lower("username")).filter(username_key=name)

    def get_by_natural_key(self, username):
        """Return the user of that name or e-mail, case ignored."""
        return self.by_login(username).get()

    def create_user(self, username, email, password=None, **fields):
        """Make and return a user; without a password nobody can log in as them."""
        user = self.model(
            username=self.model.normalize_username(username),
            email=self.normalize_email(email),
            **fields,
        )
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username, email, password=None, **fields):
        """Make and return an organiser who may do everything."""
        return self.create_user(
            username, email, password, **fields | {"is_staff": True, "is_superuser": True}
        )


class User(AbstractBaseUser, PermissionsMixin):
    """A person with an account."""

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
        help_text=_("At most 50 letters, digits and . + - _, in any script."),
        validators=[
            UnicodeUsernameValidator(),
            # A name that looks like an e-mail could be taken for somebody else's.
            RegexValidator("@", _("A user name cannot contain “@”."), inverse_match=True),
        ],
        error_messages={"unique": _("This user name is taken.")},
    )
    password = models.CharField(_("password"), max_length=255, db_column="hashed_password")
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Whoever is not active cannot log in.")
    )
    is_staff = models.BooleanField(
        _("organiser"), default=False, help_text=_("May open the administration.")
    )
    language = models.CharField(_("language"), max_length=10, default="", blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, default="", blank=True)
    created_at = models.DateTimeField(_("signed up"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ["email"]

    class Meta:
        db_table = "sample_users"
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="sample_users_email_ci",
                violation_error_message=_("This e-mail already has an account."),
            ),
            models.UniqueConstraint(
                Lower("username"),
                name="sample_users_username_ci",
                violation_error_message=_("This user name is taken."),
            ),
        ]

    def __str__(self):
        return self.username

    def check_password(self, raw_password):
        """Return whether the password is right; a raw hash becomes one of Argon2 then."""
        stored, self.password = self.password, recognisable(self.password)
        correct = super().check_password(raw_password)
        if not correct:
            self.password = stored
        return correct

    async def acheck_password(self, raw_password):
        """See check_password()."""
        return await sync_to_async(self.check_password)(raw_password)

    def get_full_name(self):
        """Return the name that Django's admin shows."""
        return self.username

    def get_short_name(self):
        """Return the name that Django's admin greets with."""
        return self.username
