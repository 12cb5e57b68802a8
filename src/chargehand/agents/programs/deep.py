"""A coding agent of our own on pydantic-ai: the model, the tools of a workbench, and a session that can be gone on with."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic_ai import Agent, CallToolsNode, ModelRequestNode, StructuredDict, ToolOutput, UsageLimits, exceptions
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from chargehand.agents.programs.lines import alive, begin, fail, tell
from chargehand.agents.programs.workbench import Workbench

_INSTRUCTIONS = """\
You are a careful software engineer. You work alone, in {workspace}, on the task you are given; nobody can answer questions.
Look before you change anything. Make the smallest change that does all of the task, in the style of what is there. Run the tests.
Use the tools; paths are relative to the workspace. When all is done, say in a few sentences what you did and what is left."""
_LOOKING = """\
You are a careful software engineer. You look at {workspace} and answer; you change nothing."""

_ANTHROPIC = ModelSettings(max_retries=0, cache=True, max_tokens=32_000)  # fewer where the model has fewer
_CORRECTIONS = 5
"""How often in a row it may call a tool wrongly."""

_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.ModelQuotaExceededError, "quota"),
    (exceptions.ModelRateLimitError, "rate_limit"),
    (exceptions.ModelUnavailableError, "capacity"),
    (exceptions.ModelContextWindowExceededError, "context_overflow"),
    (exceptions.ModelAuthenticationError, "auth"),
    (exceptions.ModelNotFoundError, "model_not_found"),
    (exceptions.ModelConnectionError, "network"),
    (exceptions.ModelServerError, "server"),
    (exceptions.OutputTokenLimitExceeded, "context_overflow"),
    (exceptions.UsageLimitExceeded, "turn_limit"),
)


def main() -> int:
    settings, key, prompt = begin()
    session = Session(Path(settings["home"], "deep"), settings)
    tell("session", name=session.name, text=settings["model"])
    if not key:
        return fail("no key for the provider is set", otherwise="auth")
    try:
        return asyncio.run(_work(settings, key, prompt, session))
    except exceptions.ModelAPIError as problem:
        kind = next((kind for known, kind in _KINDS if isinstance(problem, known)), "")
        status = problem.status_code if isinstance(problem, exceptions.ModelHTTPError) else 0
        return fail(
            _words(problem),
            status=status,
            code=problem.provider_error_code or "",
            otherwise=kind,
            retry_after_s=problem.retry_after or 0.0,
        )
    except (exceptions.AgentRunError, exceptions.UserError) as problem:
        return fail(str(problem), otherwise=next((kind for known, kind in _KINDS if isinstance(problem, known)), ""))


def _words(problem: exceptions.ModelAPIError) -> str:
    return str(problem) if problem.body is None or str(problem.body) in str(problem) else f"{problem}: {problem.body}"


class Session:
    """What was said, in a file below HOME. ``resume`` and ``fork`` are as a call has them."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._folder = folder
        before = settings["resume"]
        self.name = settings["session"] if not before or settings["fork"] else before
        self.history = self._load(before) if before else []

    def _load(self, name: str) -> list[ModelMessage]:
        with suppress(OSError, ValueError):
            found = ModelMessagesTypeAdapter.validate_json((self._folder / f"{name}.json").read_bytes())
            # It may have been killed at any time: an answer whose tools did not run is asked for again.
            while found and isinstance(found[-1], ModelResponse) and found[-1].tool_calls:
                found.pop()
            return found
        return []

    def save(self, messages: list[ModelMessage]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._folder / f"{self.name}.new"
        new.write_bytes(ModelMessagesTypeAdapter.dump_json(messages))
        new.replace(self._folder / f"{self.name}.json")


async def _work(settings: dict[str, Any], key: str, prompt: str, session: Session) -> int:
    bench = Workbench(settings["workspace"], lambda path: tell("file", name=path))
    text = (_LOOKING if settings["read_only"] else _INSTRUCTIONS).format(workspace=settings["workspace"])
    form: Any = str
    if settings["schema"]:
        form = ToolOutput(StructuredDict(json.loads(settings["schema"]), name="answer"), name="StructuredOutput")
    agent: Agent[object, Any] = Agent(
        _model(settings, key),
        output_type=form,
        instructions="\n\n".join(part for part in (text, settings["instructions"]) if part),
        tools=bench.tools(read_only=settings["read_only"]),
        retries=_CORRECTIONS,
        model_settings=_ANTHROPIC if settings["api"] == "anthropic" else ModelSettings(max_retries=0),
    )
    limits = UsageLimits(request_limit=settings["max_turns"])
    async with agent.iter(prompt, message_history=session.history, usage_limits=limits) as run:
        async for node in run:
            if isinstance(node, ModelRequestNode):
                _results(node.request)
                session.save([*run.all_messages(), node.request])
                async with node.stream(run.ctx) as answer:
                    async for _ in answer:
                        alive()
            elif isinstance(node, CallToolsNode):
                _response(node.model_response, len(run.all_messages()))
        session.save(run.all_messages())
        assert run.result
        output = run.result.output
    tell("final", text=output if isinstance(output, str) else json.dumps(output))
    return 0


def _results(request: ModelRequest) -> None:
    for part in request.parts:
        if isinstance(part, ToolReturnPart):
            said = str(part.content)
            tell("tool_result", name=part.tool_name, text=said[:400], failed=said.startswith("error: "))
        elif isinstance(part, RetryPromptPart) and part.tool_name:
            tell("tool_result", name=part.tool_name, text=str(part.content)[:400], failed=True)


def _response(response: ModelResponse, number: int) -> None:
    used = response.usage
    fresh = max(0, used.input_tokens - used.cache_read_tokens - used.cache_write_tokens)
    tokens = {
        "input": fresh,
        "cached": used.cache_read_tokens,
        "cache_write": used.cache_write_tokens,
        "output": used.output_tokens,
    }
    for part in response.parts:
        if isinstance(part, TextPart):
            tell("text", text=part.content)
        elif isinstance(part, ThinkingPart):
            tell("thinking", text=part.content)
        elif isinstance(part, ToolCallPart):
            tell("tool", name=part.tool_name, text=part.args_as_json_str()[:400])
    tell("usage", name=f"step-{number}", tokens=tokens)


def _model(settings: dict[str, Any], key: str) -> Model[Any]:
    """Only the library of the provider that is asked is imported."""
    name, url = settings["model"], settings["url"]
    os.environ.update({"NO_PROXY": "*", "no_proxy": "*"} if settings["direct"] else {})
    match settings["api"]:
        case "anthropic":
            from pydantic_ai.models.anthropic import AnthropicModel
            from pydantic_ai.providers.anthropic import AnthropicProvider

            return AnthropicModel(name, provider=AnthropicProvider(api_key=key, base_url=url))
        case "gemini":
            from pydantic_ai.models.google import GoogleModel
            from pydantic_ai.providers.google import GoogleProvider

            return GoogleModel(name, provider=GoogleProvider(api_key=key, base_url=url))
        case _:
            from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
            from pydantic_ai.providers.openai import OpenAIProvider

            provider = OpenAIProvider(api_key=key, base_url=url)
            return (OpenAIChatModel if settings["chat"] else OpenAIResponsesModel)(name, provider=provider)
