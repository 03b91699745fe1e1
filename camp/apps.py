"""The camp app: system checks, commands, templates and the admin site."""

from axes.apps import AppConfig as AxesConfig
from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CampConfig(AppConfig):
    """The base that all apps build on."""

    name = "camp"

    def ready(self):
        """Register checks, diagnostics and signal receivers."""
        # Models can be imported from now on.
        from camp.operations.diagnostics import checks
        from camp.operations.server import processes
        from camp.web import findings

        checks.register_checks()
        findings.use(explain=explain, problem_computation=problem_computation)
        post_migrate.connect(mark_environment, sender=self)
        connection_created.connect(processes.register_on_connection)


def mark_environment(**kwargs):
    """Mark the database as what the settings say; see camp.operations.database.environment."""
    from camp.operations.database import environment  # needed by few processes

    environment.mark_after_migrate(**kwargs)


def explain(error):
    """Return the Finding for a database error."""
    from camp.operations.diagnostics import database  # needed by few processes

    return database.explain(error)


def problem_computation(user):
    """Return the Computation of the front page's Findings, or None if they are not for `user`."""
    from camp.operations.diagnostics import runner

    return runner.problem_computation(user)


class CampAdminConfig(AdminConfig):
    """Django's admin with Camp's front page."""

    default_site = "camp.admin.site.CampAdminSite"


class LogInGuardConfig(AxesConfig):
    """django-axes, under a name that organisers understand."""

    verbose_name = _("Log-in protection")
