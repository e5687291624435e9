#!/usr/bin/env python3
"""What the official clients get through the gateway from each provider.

Arguments: the gateway's URL and the page whose table says what holds. Each provider is a path of its own; the mock
behind them answers the same prompt with the same words whatever it is asked in, so that a translated answer can be
compared with one that was not. `UPDATE=1` writes the table.
"""
import json
import os
import sys

import anthropic
import google.genai
import google.genai.errors
import openai

# The name of the deployment in examples/providers/azure-deployment.yaml, so that nearly everyone is asked for the same.
MODEL = "my-gpt"
# Rows: the name of each, the path of its provider, and the model that is asked for.
PROVIDERS = [
    *((name, name, MODEL) for name in ("openai", "anthropic", "gemini", "bedrock", "azure", "azure-deployment")),
    ("vertexai (Google)", "vertexai", MODEL),
    ("vertexai (Anthropic)", "vertexai", "claude-on-vertex"),
]
SYSTEM = "You answer in one sentence."
PROMPT = "Which river flows through Vienna?"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
BEGIN, END = "<!-- table: tests/clients -->\n", "<!-- end of table -->\n"


class Chat:
    """The chat completions API, by the `openai` package."""

    name = "OpenAI chat completions"
    tools = [{"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": CITY}}]

    def __init__(self, base, model):
        self.model = model
        self.api = openai.OpenAI(base_url=f"{base}/v1", api_key="sk-client", max_retries=0)
        self.messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PROMPT}]

    def plain(self):
        answer = self.api.chat.completions.create(model=self.model, messages=self.messages)
        choice = answer.choices[0]
        expect(choice.finish_reason == "stop", f"finish_reason {choice.finish_reason}")
        expect(answer.model == self.model, f"model {answer.model}")
        expect_usage(answer.usage.prompt_tokens, answer.usage.completion_tokens)
        return choice.message.content

    def stream(self):
        text, finish, usage = "", None, None
        options = {"include_usage": True}
        for chunk in self.api.chat.completions.create(model=self.model, messages=self.messages, stream=True, stream_options=options):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                finish = choice.finish_reason or finish
        expect(finish == "stop", f"finish_reason {finish}")
        expect_usage(usage.prompt_tokens, usage.completion_tokens)
        return text

    def call(self):
        answer = self.api.chat.completions.create(model=self.model, messages=self.messages, tools=self.tools, tool_choice="required")
        choice = answer.choices[0]
        expect(choice.finish_reason == "tool_calls", f"finish_reason {choice.finish_reason}")
        call = choice.message.tool_calls[0]
        expect(call.function.name == "weather", f"name {call.function.name}")
        expect("city" in json.loads(call.function.arguments), call.function.arguments)
        result = {"role": "tool", "tool_call_id": call.id, "content": "Rain."}
        messages = [*self.messages, choice.message, result]
        last = self.api.chat.completions.create(model=self.model, messages=messages, tools=self.tools)
        expect(last.choices[0].message.content, "no text after the tool's result")

    def call_streamed(self):
        name, arguments = None, ""
        for chunk in self.api.chat.completions.create(
            model=self.model, messages=self.messages, tools=self.tools, tool_choice="required", stream=True
        ):
            for choice in chunk.choices:
                for call in choice.delta.tool_calls or []:
                    name = call.function.name or name
                    arguments += call.function.arguments or ""
        expect(name == "weather" and "city" in json.loads(arguments), f"{name} {arguments}")

    def refused(self, fault):
        try:
            self.api.chat.completions.create(model=self.model, messages=self.messages, extra_headers={"x-mock-fault": fault})
        except openai.APIStatusError as error:
            expect(error.body and error.body.get("message"), f"body {error.body}")
            return error.status_code
        raise AssertionError("no error")

    def cut(self):
        try:
            stream = self.api.chat.completions.create(
                model=self.model, messages=self.messages, stream=True, extra_headers={"x-mock-fault": "cut-after=6"}
            )
            list(stream)
        except openai.APIError as error:
            return str(error)
        raise AssertionError("a cut stream passes for a whole one")


class Messages:
    """The messages API, by the `anthropic` package."""

    name = "Anthropic messages"
    tools = [{"name": "weather", "description": "The weather.", "input_schema": CITY}]

    def __init__(self, base, model):
        self.model = model
        self.api = anthropic.Anthropic(base_url=base, api_key="sk-client", max_retries=0)
        self.asked = {"model": self.model, "system": SYSTEM, "max_tokens": 200, "messages": [{"role": "user", "content": PROMPT}]}

    def plain(self):
        answer = self.api.messages.create(**self.asked)
        expect(answer.stop_reason == "end_turn", f"stop_reason {answer.stop_reason}")
        expect(answer.model == self.model, f"model {answer.model}")
        expect_usage(answer.usage.input_tokens, answer.usage.output_tokens)
        return "".join(block.text for block in answer.content if block.type == "text")

    def stream(self):
        with self.api.messages.stream(**self.asked) as stream:
            text = "".join(stream.text_stream)
            last = stream.get_final_message()
        expect(last.stop_reason == "end_turn", f"stop_reason {last.stop_reason}")
        expect_usage(last.usage.input_tokens, last.usage.output_tokens)
        return text

    def call(self):
        forced = {"type": "any"}
        answer = self.api.messages.create(**self.asked, tools=self.tools, tool_choice=forced)
        expect(answer.stop_reason == "tool_use", f"stop_reason {answer.stop_reason}")
        call = next(block for block in answer.content if block.type == "tool_use")
        expect(call.name == "weather" and "city" in call.input, f"{call}")
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "Rain."}
        blocks = [block.model_dump(exclude_none=True) for block in answer.content]
        messages = [*self.asked["messages"], {"role": "assistant", "content": blocks}, {"role": "user", "content": [result]}]
        last = self.api.messages.create(**{**self.asked, "messages": messages}, tools=self.tools)
        expect(any(block.type == "text" for block in last.content), "no text after the tool's result")

    def call_streamed(self):
        with self.api.messages.stream(**self.asked, tools=self.tools, tool_choice={"type": "any"}) as stream:
            last = stream.get_final_message()
        call = next(block for block in last.content if block.type == "tool_use")
        expect(call.name == "weather" and "city" in call.input, f"{call}")

    def refused(self, fault):
        try:
            self.api.messages.create(**self.asked, extra_headers={"x-mock-fault": fault})
        except anthropic.APIStatusError as error:
            expect(error.body and error.body["error"]["message"], f"body {error.body}")
            return error.status_code
        raise AssertionError("no error")

    def cut(self):
        try:
            with self.api.messages.stream(**self.asked, extra_headers={"x-mock-fault": "cut-after=6"}) as stream:
                stream.get_final_message()
        except anthropic.APIError as error:
            return str(error)
        raise AssertionError("a cut stream passes for a whole one")


class Responses:
    """The responses API, by the `openai` package."""

    name = "OpenAI responses"
    tools = [{"type": "function", "name": "weather", "description": "The weather.", "parameters": CITY, "strict": False}]

    def __init__(self, base, model):
        self.model = model
        self.api = openai.OpenAI(base_url=f"{base}/v1", api_key="sk-client", max_retries=0)
        self.asked = {"model": self.model, "instructions": SYSTEM, "input": PROMPT}

    def plain(self):
        answer = self.api.responses.create(**self.asked)
        expect(answer.status == "completed", f"status {answer.status}")
        expect_usage(answer.usage.input_tokens, answer.usage.output_tokens)
        return answer.output_text

    def stream(self):
        text, last = "", None
        for event in self.api.responses.create(**self.asked, stream=True):
            if event.type == "response.output_text.delta":
                text += event.delta
            if event.type == "response.completed":
                last = event.response
        expect(last is not None, "no response.completed")
        expect_usage(last.usage.input_tokens, last.usage.output_tokens)
        return text

    def call(self):
        answer = self.api.responses.create(**self.asked, tools=self.tools, tool_choice="required")
        call = next(item for item in answer.output if item.type == "function_call")
        expect(call.name == "weather" and "city" in json.loads(call.arguments), f"{call}")
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "Rain."}
        said = {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
        turn = {"role": "user", "content": PROMPT}
        last = self.api.responses.create(**{**self.asked, "input": [turn, said, result]}, tools=self.tools)
        expect(last.output_text, "no text after the tool's result")

    def call_streamed(self):
        done = None
        for event in self.api.responses.create(**self.asked, tools=self.tools, tool_choice="required", stream=True):
            if event.type == "response.function_call_arguments.done":
                done = event.arguments
        expect(done is not None and "city" in json.loads(done), f"{done}")

    def refused(self, fault):
        try:
            self.api.responses.create(**self.asked, extra_headers={"x-mock-fault": fault})
        except openai.APIStatusError as error:
            expect(error.body and error.body.get("message"), f"body {error.body}")
            return error.status_code
        raise AssertionError("no error")

    def cut(self):
        try:
            for event in self.api.responses.create(**self.asked, stream=True, extra_headers={"x-mock-fault": "cut-after=6"}):
                if event.type in ("error", "response.failed"):
                    return event.type
                expect(event.type != "response.completed", "a cut stream passes for a whole one")
        except openai.APIError as error:
            return str(error)
        raise AssertionError("a cut stream passes for a whole one")


class Generate:
    """Gemini's API, by the `google-genai` package."""

    name = "Gemini generateContent"

    def __init__(self, base, model):
        self.model = model
        self.base = base
        # A client closes its connections when nobody holds it any more.
        self.own = self.client()
        self.api = self.own.models
        declared = {"name": "weather", "description": "The weather.", "parameters_json_schema": CITY}
        self.said = {"system_instruction": SYSTEM}
        forced = {"function_calling_config": {"mode": "ANY"}}
        self.tools = {**self.said, "tools": [{"function_declarations": [declared]}], "automatic_function_calling": {"disable": True}}
        self.forced = {**self.tools, "tool_config": forced}

    def client(self, headers=None):
        options = {"base_url": self.base, "headers": headers or {}, "retry_options": {"attempts": 1}}
        return google.genai.Client(api_key="sk-client", http_options=options)

    def plain(self):
        answer = self.api.generate_content(model=self.model, contents=PROMPT, config=self.said)
        finish = answer.candidates[0].finish_reason
        expect(finish == "STOP", f"finish_reason {finish}")
        expect_usage(answer.usage_metadata.prompt_token_count, answer.usage_metadata.candidates_token_count)
        return answer.text

    def stream(self):
        text, usage = "", None
        for part in self.api.generate_content_stream(model=self.model, contents=PROMPT, config=self.said):
            text += part.text or ""
            usage = part.usage_metadata or usage
        expect_usage(usage.prompt_token_count, usage.candidates_token_count)
        return text

    def call(self):
        answer = self.api.generate_content(model=self.model, contents=PROMPT, config=self.forced)
        call = answer.function_calls[0]
        expect(call.name == "weather" and "city" in call.args, f"{call}")
        result = {"function_response": {"id": call.id, "name": call.name, "response": {"result": "Rain."}}}
        turns = [{"role": "user", "parts": [{"text": PROMPT}]}, answer.candidates[0].content, {"role": "user", "parts": [result]}]
        last = self.api.generate_content(model=self.model, contents=turns, config=self.tools)
        expect(last.text, "no text after the tool's result")

    def call_streamed(self):
        parts = list(self.api.generate_content_stream(model=self.model, contents=PROMPT, config=self.forced))
        calls = [call for part in parts for call in part.function_calls or []]
        expect(calls and calls[0].name == "weather" and "city" in calls[0].args, f"{calls}")

    def refused(self, fault):
        try:
            faulty = self.client({"x-mock-fault": fault})
            faulty.models.generate_content(model=self.model, contents=PROMPT, config=self.said)
        except google.genai.errors.APIError as error:
            expect(error.message, f"body {error.details}")
            return error.code
        raise AssertionError("no error")

    def cut(self):
        faulty = self.client({"x-mock-fault": "cut-after=6"})
        try:
            parts = list(faulty.models.generate_content_stream(model=self.model, contents=PROMPT, config=self.said))
        except google.genai.errors.APIError as error:
            return str(error)
        ends = [part.candidates[0].finish_reason for part in parts if part.candidates]
        expect("STOP" not in ends, "a cut stream passes for a whole one")
        return "no end"


def expect(held, otherwise):
    if not held:
        raise AssertionError(otherwise)


def expect_usage(read, written):
    expect(read and read > 0 and written and written > 0, f"usage {read} and {written}")


def plain(client, said):
    text = client.plain().replace(client.model, MODEL)
    said.setdefault(text, client)
    expect(len(said) == 1, f"says {text!r}; others said {[other for other in said if other != text]}")


def stream(client, said):
    text = client.stream().replace(client.model, MODEL)
    expect(text in said or not said, f"streams {text!r}; not streamed it is {list(said)}")


def tools(client, _):
    client.call()
    client.call_streamed()


def errors(client, _):
    for status in (400, 404):
        expect(client.refused(f"status={status}") == status, f"{status} becomes another status")
    expect(client.refused("status=503") == 503, "503 becomes another status")
    client.cut()


COLUMNS = {"plain": plain, "stream": stream, "tools": tools, "errors": errors}


def cell(client, check, said):
    try:
        check(client, said)
        return "yes", None
    except Exception as error:  # a cell that fails is shown, whatever it failed with
        return "**no**", f"{type(error).__name__}: {error}"


def main(gateway, page):
    said, faults = {}, []
    rows = ["| Client | Provider | " + " | ".join(COLUMNS) + " |\n", "|---|---" + "|---" * len(COLUMNS) + "|\n"]
    for kind in (Chat, Responses, Messages, Generate):
        for provider, path, model in PROVIDERS:
            client = kind(f"{gateway}/{path}", model)
            held = []
            for name, check in COLUMNS.items():
                word, fault = cell(client, check, said)
                held.append(word)
                if fault:
                    faults.append(f"{kind.name} from {provider}, {name}: {fault}")
            rows.append(f"| {kind.name} | {provider} | " + " | ".join(held) + " |\n")
    table = "".join(rows)
    print(table)
    with open(page, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split(BEGIN)
    known, after = rest.split(END)
    if os.environ.get("UPDATE"):
        with open(page, "w", encoding="utf-8") as file:
            file.write(before + BEGIN + table + END + after)
    elif known != table:
        faults.append(f"{page} says something else: UPDATE=1 tests/clients/run.sh")
    for fault in faults:
        print(f"  FAIL  {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
