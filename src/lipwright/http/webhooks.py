"""What a webhook says and how it is signed, as each vendor documents it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from lipwright.core.jobs import Job

SECRET_PREFIX = "whsec_"


def wavespeed_signature(secret: str, webhook_id: str, timestamp_s: int, body: bytes) -> str:
    """`v3,` and lower-case hex. The key is the secret's text without its prefix, and not what that text encodes."""
    key = secret.removeprefix(SECRET_PREFIX).encode()
    message = f"{webhook_id}.{timestamp_s}.".encode() + body
    return "v3," + hmac.new(key, message, hashlib.sha256).hexdigest()


def pixverse_form(payload: Mapping[str, object]) -> str:
    """The payload as `key=value` joined by `&`, in its own order, percent-encoded; booleans are true and false."""
    return urlencode({key: str(value).lower() if isinstance(value, bool) else value for key, value in payload.items()})


def pixverse_signature(secret: str, timestamp_s: int, nonce: str, payload: Mapping[str, object]) -> str:
    """Base64 of the HMAC over timestamp, nonce and form, each on a line."""
    message = f"{timestamp_s}\n{nonce}\n{pixverse_form(payload)}".encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


class SignedWebhooks:
    """What `service.hosted.Webhooks` asks for; `base_url` is where receivers fetch results."""

    def __init__(self, base_url: str, *, credit_microusd: int = 10_000) -> None:
        self._base_url = base_url.rstrip("/")
        self._credit_microusd = credit_microusd

    def compose(self, job: Job, *, secret: str, delivery_id: str, sent_at: datetime) -> tuple[bytes, Mapping[str, str]]:
        """The body and the headers of one attempt."""
        timestamp_s = int(sent_at.timestamp())
        if job.request.face == "pixverse":
            return self._pixverse(job, secret, timestamp_s)
        return self._wavespeed(job, secret, delivery_id, timestamp_s)

    def is_accepted(self, job: Job, *, status: int, body: bytes) -> bool:
        """PixVerse wants 200 and exactly `ok`; WaveSpeed any 2xx."""
        if job.request.face == "pixverse":
            return status == 200 and body.strip() == b"ok"
        return 200 <= status < 300

    def _wavespeed(self, job: Job, secret: str, delivery_id: str, timestamp_s: int) -> tuple[bytes, Mapping[str, str]]:
        from lipwright.http.faces.wavespeed import prediction

        body = json.dumps(prediction(job, self._base_url, with_input=True), separators=(",", ":")).encode()
        return body, {
            "Content-Type": "application/json",
            "webhook-id": delivery_id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": wavespeed_signature(secret, delivery_id, timestamp_s, body),
        }

    def _pixverse(self, job: Job, secret: str, timestamp_s: int) -> tuple[bytes, Mapping[str, str]]:
        from lipwright.http.faces.pixverse import credits_of, status_of
        from lipwright.http.files import media_url

        output = job.outputs[0] if job.outputs else None
        payload: dict[str, object] = {
            "credits": credits_of(job.price_microusd, self._credit_microusd),
            "has_audio": output is not None,
            "id": str(job.number),
            "size": 0 if output is None else output.n_bytes,
            "status": status_of(job),
            "url": "" if output is None else media_url(output, self._base_url),
        }
        # alphabetical: some of the vendor's sample receivers sort the keys, others keep the order of the JSON
        assert list(payload) == sorted(payload)
        nonce = secrets.token_hex(16)
        return json.dumps(payload, separators=(",", ":")).encode(), {
            "Content-Type": "application/json",
            "Webhook-Timestamp": str(timestamp_s),
            "Webhook-Nonce": nonce,
            "Webhook-Signature": pixverse_signature(secret, timestamp_s, nonce, payload),
            "Ai-Trace-Id": str(uuid.uuid4()),
        }
