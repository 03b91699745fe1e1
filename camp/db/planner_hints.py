"""Expressions that say which rows a database should find first.

SQLite keeps no statistics, and PostgreSQL's are of no help with what a subquery finds.
"""

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


class Unindexed(models.Func):
    """An expression of which SQLite uses no index; it has the type of the first.

    SQLite takes any index on which a condition asks for one value to leave ten rows.
    """

    arity = 1
    template = "%(expressions)s"

    def as_sqlite(self, compiler, connection, **context):
        """Return the SQL and its parameters."""
        return self.as_sql(compiler, connection, template="+(%(expressions)s)", **context)
