"""What can be asked by GraphQL. The answers come from the same places as those of the REST reads."""

from typing import Any

import strawberry
import structlog
from graphql import GraphQLError
from strawberry.extensions import DisableIntrospection, MaxAliasesLimiter, MaxTokensLimiter, QueryDepthLimiter
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from inventory_stream.gateway.graphql.limits import ALIASES_MAX, DEPTH_MAX, TOKENS_MAX, QuestionLimits
from inventory_stream.gateway.graphql.sales import SaleQueries
from inventory_stream.gateway.graphql.skus import SkuQueries
from inventory_stream.gateway.graphql.stores import StoreQueries
from inventory_stream.gateway.problems import Problem

log = structlog.get_logger(__name__)


@strawberry.type
class Query(SkuQueries, StoreQueries, SaleQueries):
    """The questions."""


class QuietSchema(strawberry.Schema):
    """A schema whose log has what is ours to mend, and not every wrong question."""

    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002  # the library's own signature
    ) -> None:
        """Log what no question could have caused."""
        for error in errors:
            if is_ours(error):
                log.error("graphql_failed", exc_info=error.original_error)


def is_ours(error: GraphQLError) -> bool:
    """Say whether an error is a fault of the gateway: neither the question's, nor a refusal."""
    return error.original_error is not None and not isinstance(error.original_error, Problem | GraphQLError)


def new_schema(*, is_introspection_on: bool) -> QuietSchema:
    """Build the schema with its limits."""
    extensions: list[Any] = [
        lambda: MaxTokensLimiter(TOKENS_MAX),
        QuestionLimits,
        lambda: QueryDepthLimiter(DEPTH_MAX),
        lambda: MaxAliasesLimiter(ALIASES_MAX),
    ]
    if not is_introspection_on:
        extensions.append(DisableIntrospection)
    return QuietSchema(Query, extensions=extensions, config=StrawberryConfig(disable_field_suggestions=True))
