"""The application: routes, errors, and the three files of the page."""

from __future__ import annotations

from importlib import resources
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from asr import __version__
from asr.deployment.server.http_errors import HTTPError, http_error
from asr.deployment.server.limits import Limits
from asr.deployment.server.listen import listen
from asr.deployment.server.middleware import AccessMiddleware
from asr.deployment.server.models import Models
from asr.deployment.server.state import State
from asr.deployment.server.texts import punctuation, summaries, translations
from asr.deployment.server.transcriptions import transcriptions
from asr.errors import AsrError

_PAGE = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


def application(
    models: Models, limits: Limits, *, host: str = "127.0.0.1", token: str | None = None
) -> tuple[ASGIApp, State]:
    """Build the application of a server.

    Args:
        models: The models.
        limits: Its bounds.
        host: Address that it listens on.
        token: What clients have to know; None for everybody on this machine.

    Returns:
        The application, and what its endpoints share.
    """
    state = State(models, limits)
    routes: list[BaseRoute] = [
        Route("/v1/audio/transcriptions", transcriptions, methods=["POST"]),
        Route("/v1/translations", translations, methods=["POST"]),
        Route("/v1/summaries", summaries, methods=["POST"]),
        Route("/v1/punctuation", punctuation, methods=["POST"]),
        Route("/v1/models", _models),
        Route("/v1/models/{name}", _model),
        WebSocketRoute("/v1/listen", listen),
        Route("/healthz", _health),
        Route("/metrics", _metrics),
        *(_file(path, *file) for path, file in _PAGE.items()),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            HTTPError: _error,
            AsrError: _error,
            HTTPException: _routing_error,
            Exception: _error,
        },
    )
    app.router.redirect_slashes = False
    app.state.server = state
    paths = {route.path for route in routes if isinstance(route, Route)}
    return AccessMiddleware(
        app, host, token, state.uploads, state.metrics, paths
    ), state


def _file(path: str, name: str, kind: str) -> Route:
    """Return the route of a file of the page, which is read once."""
    content = (resources.files("asr.deployment.server") / "page" / name).read_bytes()
    headers = {"Content-Security-Policy": _POLICY}

    async def file(_: Request) -> Response:
        return Response(content, headers=headers, media_type=kind)

    return Route(path, file)


async def _models(request: Request) -> Response:
    state: State = request.app.state.server
    entries = [_entry(name, task) for name, task in state.models.tasks.items()]
    return JSONResponse({"object": "list", "data": entries})


async def _model(request: Request) -> Response:
    state: State = request.app.state.server
    name = request.path_params["name"]
    if name not in state.models.tasks:
        raise HTTPError(404, f"no model {name[:100]!r}", code="model_not_found")
    return JSONResponse(_entry(name, state.models.tasks[name]))


def _entry(name: str, task: str) -> dict[str, object]:
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "asr",
        "task": task,
    }


async def _health(request: Request) -> Response:
    state: State = request.app.state.server
    status = "ok" if state.is_ready else "loading"
    values = {"status": status, "version": __version__}
    return JSONResponse(values, 200 if state.is_ready else 503)


async def _metrics(request: Request) -> Response:
    state: State = request.app.state.server
    kind = "text/plain; version=0.0.4"
    return PlainTextResponse(state.metrics.text(), media_type=kind)


async def _error(_: Request, error: Exception) -> Response:
    return http_error(error).response()


async def _routing_error(_: Request, error: Exception) -> Response:
    found = cast("HTTPException", error)
    text = {404: "there is no such address", 405: "this address has no such method"}
    message = text.get(found.status_code, str(found.detail))
    response = HTTPError(found.status_code, message).response()
    response.headers.update(found.headers or {})
    return response
