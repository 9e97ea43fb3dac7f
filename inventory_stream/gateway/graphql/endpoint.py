"""`POST /graphql`."""

from http import HTTPStatus
from typing import Any

from graphql import GraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from inventory_stream.gateway.endpoint import Call, Endpoint, Reply
from inventory_stream.gateway.graphql.asked import Asked, Sources
from inventory_stream.gateway.graphql.schema import is_ours, new_schema
from inventory_stream.gateway.graphql.words import GraphqlAnswer, GraphqlBody
from inventory_stream.gateway.problems import Problem


class GraphqlRoutes:
    """The one endpoint. There is no page to try questions on: `/docs` shows how to send one."""

    def __init__(self, sources: Sources, *, is_introspection_on: bool) -> None:
        self._sources = sources
        self._schema = new_schema(is_introspection_on=is_introspection_on)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoint."""
        return (
            Endpoint(
                "POST",
                "/graphql",
                self.ask,
                "Ask for several reads at once",
                "graphql",
                {200: GraphqlAnswer},
                body=GraphqlBody,
            ),
        )

    async def ask(self, call: Call) -> Reply:
        """Answer a question; what is wrong with it is told in `errors`, with status 200."""
        body: GraphqlBody = call.body
        try:
            result = await self._schema.execute(
                body.query,
                variable_values=body.variables,
                operation_name=body.operation_name,
                context_value=Asked(self._sources, call),
            )
        except (CannotGetOperationTypeError, InvalidOperationTypeError):
            error = {"message": "There is no such query in it; only queries are answered."}
            return Reply(HTTPStatus.OK, GraphqlAnswer(None, [error]))
        data = result.data if isinstance(result.data, dict) else None
        return Reply(HTTPStatus.OK, GraphqlAnswer(data, [_told(error) for error in result.errors or ()]))


def _told(error: GraphQLError) -> dict[str, Any]:
    """Tell an error as GraphQL does, but nothing of what is ours to mend."""
    if is_ours(error):
        return {"message": "The gateway failed; its log has it.", "path": error.path or []}
    told = dict(error.formatted)
    if isinstance(error.original_error, Problem):
        told["extensions"] = {"code": error.original_error.slug}
    return told
