"""Rules of a template for Lambda: each caller is authenticated once, by the API or by the service itself."""

import re
from collections.abc import Iterator

from orderkeep.application.access.actor import EVERY_SCOPE
from tests.deploy.on_lambda.template import AnyName, Template, defaults_of, environment_of, of_type


def nobody_comes_in_unasked(template: Template) -> Iterator[str]:
    """Yield what lets somebody in whom neither the API nor the service asks who they are."""
    routes = of_type(template, "AWS::ApiGatewayV2::Route")
    if any(route.get("AuthorizationType") != {"Ref": "HttpAuthorization"} for route in routes.values()):
        yield "a route is open to the world"
    for stage in of_type(template, "AWS::ApiGatewayV2::Stage").values():
        limits = stage.get("DefaultRouteSettings", {})
        if {"ThrottlingRateLimit", "ThrottlingBurstLimit"} - limits.keys():
            yield "the API accepts any number of requests"
    if template["Parameters"]["HttpAuthorization"]["Default"] != "AWS_IAM":
        yield "the API is open to the world unless somebody says otherwise"
    for authorization, way in (("AWS_IAM", "authorizer"), ("NONE", "keys")):
        names = AnyName(defaults_of(template) | {"HttpAuthorization": authorization})
        if environment_of(template, "HttpFunction", names).get("ORDERKEEP_AUTH") != way:
            yield f"where the API's authorization is {authorization}, the service does not ask for {way}"


def whom_iam_let_in_may_do_what_is_said(template: Template) -> Iterator[str]:
    """Yield which scopes of orders cannot be given, and which others can."""
    parameter = template["Parameters"]["IamScopes"]
    every = sorted(scope.removeprefix("orders:") for scope in EVERY_SCOPE if scope.startswith("orders:"))
    for words in (parameter["Default"], *every, ",".join(every)):
        names = AnyName(defaults_of(template) | {"IamScopes": words})
        given = environment_of(template, "HttpFunction", names).get("ORDERKEEP_IAM_SCOPES", "")
        if given.split() != [f"orders:{word}" for word in words.split(",")]:
            yield f"with the scopes {words}, callers may do {given or 'nothing'}"
        if len(words) > parameter["MaxLength"] or not re.fullmatch(parameter["AllowedPattern"], words):
            yield f"the scopes {words} cannot be given"
    yield from (
        f"callers may be given {words}, which is no scope of orders"
        for words in ("", "admin", "events:read", "read write", "read,", "everything")
        if re.fullmatch(parameter["AllowedPattern"], words)
    )
