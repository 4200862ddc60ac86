"""Errors of requests as JSON, in the form that OpenAI's clients read."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from asr.errors import AsrError, AudioError, DataError, ModelError, UsageError

_STATUS = {AudioError: 400, DataError: 400, ModelError: 400, UsageError: 400}
_CODES = {AudioError: "invalid_audio", ModelError: "model_error"}


class HTTPError(Exception):
    """A request that is not answered.

    Args:
        status: Status of the response.
        message: One line: what is wrong, and what to do.
        code: Short name for programs.
        param: Field of the request.
        retry_after: Seconds after which to try again.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.code, self.param, self.retry_after = code, param, retry_after

    def to_json(self) -> dict[str, Any]:
        """Return the body of the response."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        fields = {"type": kind, "param": self.param, "code": self.code}
        return {"error": {"message": self.message, **fields}}

    def response(self) -> JSONResponse:
        """Return the response."""
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(self.to_json(), self.status, headers)


def invalid(message: str, param: str | None = None) -> HTTPError:
    """Return the error of a field that is not valid."""
    return HTTPError(400, message, code="invalid_value", param=param)


def http_error(error: Exception) -> HTTPError:
    """Return what a client is told about an error; faults of ours tell nothing."""
    if isinstance(error, HTTPError):
        return error
    if isinstance(error, AsrError):
        status = _STATUS.get(type(error), 500)
        return HTTPError(status, str(error), code=_CODES.get(type(error)))
    if isinstance(error, MemoryError):
        return HTTPError(503, "out of memory; try again later", retry_after=5)
    return HTTPError(500, "an error of the server; its log has more", code="fault")
