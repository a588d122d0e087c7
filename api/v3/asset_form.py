"""Reading an upload: the file goes to disk while it arrives, and no part of it is trusted for its size."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from api.bodies import json_object
from api.errors import Refusal, refusal
from settings import get_settings

FILE_FIELD = "file"
_MOST_FIELD_BYTES = 1024**2
_MOST_PARTS = 1000
_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Upload:
    """A file that came with a request: where it lies for now, what the caller calls it, and the hash of its bytes."""

    path: Path
    name: str
    sha256: str


@dataclass
class Submission:
    """What a request brings: fields, and a file if there is one."""

    document: dict[str, Any] = field(default_factory=dict)
    upload: Upload | None = None

    def identity(self) -> dict[str, Any]:
        """Return what makes two requests the same one."""
        return {"fields": self.document, "file": self.upload and self.upload.sha256}


async def _submission(request: Request) -> AsyncIterator[Submission]:
    """Read JSON or multipart; the file is gone when the request is over.

    Raises Refusal 400 for a body that cannot be read, 413 for a file above ``MAX_UPLOAD_MB``.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        yield Submission(await json_object(request))
        return
    with ExitStack() as cleanup:
        reader = _FormReader(request.headers["content-type"], cleanup)
        try:
            async for chunk in request.stream():
                await asyncio.to_thread(reader.write, chunk)
        except Refusal:
            await _let_the_caller_finish(request)
            raise
        except OSError as exc:
            raise storage_fault(request) from exc
        yield reader.finish()


Submitted = Annotated[Submission, Depends(_submission)]


def storage_fault(request: Request) -> Refusal:
    """Return the refusal for a file that could not be kept."""
    unified = request.url.path.endswith("/unified")
    return refusal(500, "Failed to process asset upload" if unified else "Failed to create asset")


class _FormReader:
    """Takes a multipart body piece by piece. The first file called ``file`` is kept, others are passed over."""

    def __init__(self, content_type: str, cleanup: ExitStack) -> None:
        settings = get_settings()
        self._limit, self._folder, self._cleanup = settings.max_upload_mb * 1024**2, settings.scratch_dir, cleanup
        self._fields: dict[str, list[str]] = {}
        self._file: Any = None
        self._file_name, self._digest, self._size = "", hashlib.sha256(), 0
        self._received = self._field_bytes = self._parts = 0
        self._ended = False
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition = b""
        self._name, self._value, self._into_file = "", bytearray(), False
        _, options = parse_options_header(content_type)
        if not options.get(b"boundary"):
            raise _malformed()
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._take,
                    "on_part_end": self._part_ends,
                    "on_end": self._body_ends,
                },
            )
        except FormParserError as exc:
            raise _malformed() from exc

    def write(self, chunk: bytes) -> None:
        """Take the next piece of the body."""
        self._received += len(chunk)
        if self._received > self._limit + 2 * _MOST_FIELD_BYTES:
            raise refusal(413, "File too large")
        try:
            self._parser.write(chunk)
        except FormParserError as exc:
            raise _malformed() from exc

    def finish(self) -> Submission:
        """Return what the body held."""
        if not self._ended:
            raise _malformed()
        document = {name: values if name == "tags" and len(values) > 1 else values[-1]
                    for name, values in self._fields.items()}  # fmt: skip
        if self._file is None:
            return Submission(document)
        self._file.flush()
        return Submission(document, Upload(Path(self._file.name), self._file_name, self._digest.hexdigest()))

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise _malformed()
        self._disposition, self._value, self._into_file = b"", bytearray(), False

    def _header_ends(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = _text(options.get(b"name", b"")).removesuffix("[]")
        file_name = _text(options.get(b"filename", b"")).replace("\\", "/").rsplit("/", 1)[-1].strip()
        if b"filename" not in options:
            return
        if self._name == FILE_FIELD and file_name and self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            spool = tempfile.NamedTemporaryFile(dir=self._folder, prefix="upload-")  # noqa: SIM115  on the stack
            self._file = self._cleanup.enter_context(spool)
            self._file_name, self._into_file = file_name[:255], True
        else:
            self._name = ""

    def _take(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._into_file:
            self._size += len(piece)
            if self._size > self._limit:
                raise refusal(413, "File too large")
            self._digest.update(piece)
            self._file.write(piece)
        elif self._name:
            self._field_bytes += len(piece)
            if self._field_bytes > _MOST_FIELD_BYTES:
                raise refusal(413, "Request body too large")
            self._value += piece

    def _part_ends(self) -> None:
        if self._name and not self._into_file:
            self._fields.setdefault(self._name, []).append(_text(bytes(self._value)))

    def _body_ends(self) -> None:
        self._ended = True


async def _let_the_caller_finish(request: Request) -> None:
    """Read on for a while: a caller who is cut off while sending may never see the answer."""
    left = get_settings().max_upload_mb * 1024**2
    # RuntimeError: the body was read to its end already.
    with suppress(RuntimeError, ClientDisconnect, TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            await _pass_over(request, left)


async def _pass_over(request: Request, most_bytes: int) -> None:
    async for chunk in request.stream():
        most_bytes -= len(chunk)
        if most_bytes < 0:
            return


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").replace("\0", "")


def _malformed() -> Refusal:
    return refusal(400, "Malformed multipart body")
