"""A language model behind an OpenAI-compatible chat endpoint; xAI and OpenAI differ by address, key and model only."""

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import openai

from models.errors import AtelierError, ProviderUnavailable, VendorFailed
from providers.planner.json_answer import first_json_value

_TEMPERATURE = 0.7
_FIRST_TRY_SHARE = 0.6
_PASSING = (408, 409, 429)
# The SDK would read these from the environment, and send them to any address.
_WITHHELD: Any = {name: openai.Omit() for name in ("OpenAI-Organization", "OpenAI-Project")}
_SYSTEM = (
    "You are an experienced creative director and video producer for hospitality and real estate. You choose "
    "photographs by their metadata and arrange them as the first and last frames of short camera moves that tell one "
    "story. Answer with a single JSON value that follows the given schema, and with nothing else."
)


class ChatAccess(NamedTuple):
    """Where a model is and how it is asked: ``name`` is the vendor's, in Atelier's words."""

    name: str
    base_url: str
    api_key: str
    model: str


class ChatModel:
    """Asks one model. A question is put at most twice, and both times together take at most ``timeout_s`` seconds."""

    def __init__(self, access: ChatAccess, timeout_s: float) -> None:
        self._access, self._timeout_s = access, timeout_s

    @property
    def name(self) -> str:
        """What the vendor is called."""
        return self._access.name

    def ask(self, document: Mapping[str, Any], schema: Mapping[str, Any], subject: str) -> Any:
        """Return the JSON object or array that the model answers to ``document``, which should follow ``schema``.

        Raises ProviderUnavailable when there was no usable answer in time, and VendorFailed when the vendor refused.
        """
        question = {
            "model": self._access.model,
            "temperature": _TEMPERATURE,
            "messages": [
                {"role": "system", "content": _SYSTEM},
                {"role": "user", "content": json.dumps(document, ensure_ascii=False)},
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": subject, "strict": True, "schema": dict(schema)},
            },
        }
        with ThreadPoolExecutor(1) as alone:  # the caller's thread may have an event loop of its own
            return alone.submit(asyncio.run, self._twice(question)).result()

    async def _twice(self, question: dict[str, Any]) -> Any:
        clock = asyncio.get_running_loop().time
        end = clock() + self._timeout_s
        try:
            return await self._once(question, self._timeout_s * _FIRST_TRY_SHARE)
        except ProviderUnavailable:
            return await self._once(question, end - clock())

    async def _once(self, question: dict[str, Any], seconds: float) -> Any:
        """Put the question once. The SDK's own time limit is for a single wait, so the whole call has another."""
        client = openai.AsyncOpenAI(
            api_key=self._access.api_key,
            base_url=self._access.base_url,
            max_retries=0,
            default_headers=_WITHHELD,
        )
        try:
            async with asyncio.timeout(seconds), client:
                answer = await client.chat.completions.create(**question)
        except (TimeoutError, openai.APITimeoutError) as error:
            raise ProviderUnavailable(f"{self.name} did not answer in time") from error
        except openai.APIStatusError as error:
            raise self._refusal(error.status_code) from error
        except openai.APIConnectionError as error:
            raise ProviderUnavailable(f"{self.name} could not be reached") from error
        except (openai.OpenAIError, ValueError) as error:
            raise ProviderUnavailable(f"{self.name} gave an answer that cannot be read") from error
        content = answer.choices[0].message.content if answer.choices else None
        value = first_json_value(content or "")
        if value is None:
            raise ProviderUnavailable(f"{self.name} gave an answer without a usable JSON value")
        return value

    def _refusal(self, status: int) -> AtelierError:
        if status >= 500 or status in _PASSING:
            return ProviderUnavailable(f"{self.name} answered with HTTP {status}")
        return VendorFailed(f"{self.name} refused with HTTP {status}; check its key, model and address")
