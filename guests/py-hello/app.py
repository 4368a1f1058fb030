"""Says hello, and echoes a body back at `/echo-body`."""

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports.streams import InputStream, StreamError_Closed
from wit_world.imports.types import (
    Fields,
    IncomingBody,
    IncomingRequest,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
)

READ_BYTES_MAX = 64 * 1024
# The most that one blocking write takes.
WRITE_BYTES_MAX = 4096


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        path = (request.path_with_query() or "/").split("?")[0]
        if path == "/echo-body":
            answer(response_out, read(request))
        else:
            answer(response_out, b"hello from Python")


def answer(response_out: ResponseOutparam, body: bytes) -> None:
    response = OutgoingResponse(Fields.from_list([("content-type", b"text/plain")]))
    outgoing = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    with outgoing.write() as stream:
        for start in range(0, len(body), WRITE_BYTES_MAX):
            stream.blocking_write_and_flush(body[start : start + WRITE_BYTES_MAX])
    OutgoingBody.finish(outgoing, None)


def read(request: IncomingRequest) -> bytes:
    incoming = request.consume()
    with incoming.stream() as stream:
        body = read_all(stream)
    IncomingBody.finish(incoming)
    return body


def read_all(stream: InputStream) -> bytes:
    body = bytearray()
    while True:
        try:
            body += stream.blocking_read(READ_BYTES_MAX)
        except Err as error:
            if isinstance(error.value, StreamError_Closed):
                return bytes(body)
            raise
