"""A multipart form as it arrives: its fields, and its file in chunks that are never gathered."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from email.message import Message
from itertools import chain
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from lipwright.http.errors import Refusal

MAX_FIELD_BYTES = 65_536
MAX_FIELDS = 100
"""In front of the file."""


def boundary_of(content_type: str) -> bytes:
    """Raises Refusal."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Refusal(400, "Send multipart/form-data with a file.")
    return options[b"boundary"]


class MultipartStream:
    """`find_file` advances to the file; `file_chunks` yields its bytes; `fields` are the text fields met so far."""

    def __init__(self, content_type: str, chunks: Iterator[bytes]) -> None:
        self.fields: dict[str, str] = {}
        self.filename = ""
        self._events: Iterator[tuple[str, Any]] = self._parse(boundary_of(content_type), chunks)

    def find_file(self, names: Collection[str]) -> bool:
        """False when the form ended without a file of one of these names. Raises Refusal if it is malformed."""
        name = ""
        is_file = False
        value = bytearray()
        n_parts = n_bytes = 0
        for event, data in self._events:
            if event == "begin":
                name, filename = data
                n_parts += 1
                if n_parts > MAX_FIELDS:
                    raise Refusal(413, f"The form has more than {MAX_FIELDS} fields.", 400017, code="media_too_large")
                is_file = filename is not None
                value.clear()
                if is_file and name in names and (filename or self._has_bytes()):
                    self.filename = filename or "upload"
                    return True
            elif event == "data" and not is_file:
                value += data
                n_bytes += len(data)
                # all of them together: they are kept
                if n_bytes > MAX_FIELD_BYTES:
                    raise Refusal(413, f"The field {name[:60]!r} is too long.", 400017, code="media_too_large")
            elif event == "end" and not is_file:
                self.fields[name] = value.decode("utf-8", "replace")
        return False

    def file_chunks(self) -> Iterator[bytes]:
        """The bytes of the file that was found. Raises Refusal if the body ends before the file does."""
        for event, data in self._events:
            if event == "data":
                yield data
            elif event == "end":
                return

    def _has_bytes(self) -> bool:
        """Whether the part that has begun is not empty. A browser sends an empty one for a file that was not chosen."""
        for event, data in self._events:
            if event == "end":
                return False
            if data:
                self._events = chain([(event, data)], self._events)
                break
        return True

    @staticmethod
    def _parse(boundary: bytes, chunks: Iterator[bytes]) -> Iterator[tuple[str, Any]]:
        waiting: list[tuple[str, Any]] = []
        headers: dict[bytes, bytes] = {}
        header, value = bytearray(), bytearray()
        is_whole = [False]

        def on_header_end() -> None:
            headers[bytes(header).lower()] = bytes(value)
            header.clear()
            value.clear()

        def on_headers_finished() -> None:
            disposition = headers.get(b"content-disposition", b"")
            _, options = parse_options_header(disposition)
            filename = options.get(b"filename")
            shown = _extended_filename(disposition) if filename is None else filename.decode("utf-8", "replace")
            waiting.append(("begin", (options.get(b"name", b"").decode("utf-8", "replace"), shown)))
            headers.clear()

        parser = MultipartParser(
            boundary,
            {
                "on_part_data": lambda data, start, end: waiting.append(("data", data[start:end])),
                "on_part_end": lambda: waiting.append(("end", b"")),
                "on_header_field": lambda data, start, end: header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: value.extend(data[start:end]),
                "on_header_end": on_header_end,
                "on_headers_finished": on_headers_finished,
                "on_end": lambda: is_whole.__setitem__(0, True),
            },
        )
        for chunk in chunks:
            try:
                parser.write(chunk)
            except FormParserError as exc:
                raise Refusal(400, f"The multipart body is malformed: {exc}") from exc
            yield from waiting
            waiting.clear()
        if not is_whole[0]:
            raise Refusal(400, "The multipart body ended too early.", code="upload_incomplete")


def _extended_filename(disposition: bytes) -> str | None:
    """That of `filename*=UTF-8''...`, which has no place in forms, but some clients send nothing else."""
    header = Message()
    header["Content-Disposition"] = disposition.decode("latin-1")
    return header.get_filename()
