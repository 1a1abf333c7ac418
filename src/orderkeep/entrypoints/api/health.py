"""For those who run the service: is it alive, is it ready, what does it do?"""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from orderkeep.entrypoints.api.answers import answer
from orderkeep.entrypoints.api.dependencies import Services
from orderkeep.entrypoints.api.documentation import documented
from orderkeep.entrypoints.api.errors import RETRY_SECONDS
from orderkeep.entrypoints.api.metrics import Metrics
from orderkeep.entrypoints.api.problems import Refused
from orderkeep.entrypoints.api.routing import StrictRoute

router = APIRouter(tags=["operations"], route_class=StrictRoute)


@router.get("/livez", **documented("get_liveness"))
async def get_liveness() -> Response:
    """Answers as long as the process can answer at all. Where it does not, start the process anew."""
    return answer({"status": "alive"})


@router.get("/readyz", **documented("get_readiness"))
async def get_readiness(request: Request, use_cases: Services) -> Response:
    """Answers 200 while the store answers and the service is to go on. Where it does not, send no requests here."""
    if request.app.state.draining:
        detail = "the service is about to end"
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "draining", detail, headers={"Retry-After": RETRY_SECONDS})
    await use_cases.check_store()
    return answer({"status": "ready"})


@router.get("/metrics", **documented("get_metrics"))
async def get_metrics(request: Request) -> Response:
    """Counters and durations of requests, and the state of the process, in Prometheus' text format."""
    metrics: Metrics = request.app.state.metrics
    content, media_type = metrics.exposition()
    return Response(content, headers={"Content-Type": media_type})
