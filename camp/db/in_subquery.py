"""`IN (SELECT …)` for few of many rows."""

from django.db import models


class InSubquery(models.Func):
    """Whether an expression is among the rows of a `Subquery`; those rows are found first.

    For some thousand of a million rows PostgreSQL would rather read the whole table than each by
    its key, which takes ten times as long. It does not know how long an array is.
    """

    arity = 2
    output_field = models.BooleanField()

    def as_sql(self, compiler, connection, **_context):
        """Return the SQL and its parameters."""
        return self.combine(compiler, "{} IN {}")

    def as_postgresql(self, compiler, connection, **_context):
        """Return the SQL and its parameters."""
        return self.combine(compiler, "{} = ANY(ARRAY{})")

    def combine(self, compiler, template):
        """Return the template with both expressions, and their parameters."""
        (left, left_params), (right, right_params) = map(compiler.compile, self.source_expressions)
        return template.format(left, right), [*left_params, *right_params]
