"""The one error of the query parsers: the text is what a service puts into its 400 answer."""


class QueryError(Exception):
    """A query option that cannot be understood or does not fit the entity type."""
