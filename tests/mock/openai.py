#!/usr/bin/env python3
"""A second opinion: an OpenAI-compatible server that shares no code with the project.

    openai.py ADDRESS PORT
"""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class OpenAi(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, {"object": "list", "data": [{"id": "gpt-4o", "object": "model"}]})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        model = request["model"]
        if self.path == "/v1/embeddings":
            data = [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}]
            usage = {"prompt_tokens": 1, "total_tokens": 1}
            self.answer(200, {"object": "list", "model": model, "data": data, "usage": usage})
        elif self.path != "/v1/chat/completions":
            self.answer(404, {"error": {"message": f"no {self.path}", "type": "invalid_request_error"}})
        elif request.get("stream"):
            chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": model}
            deltas = [{"role": "assistant", "content": ""}, {"content": f"I am {model}."}, {}]
            ends = [None, None, "stop"]
            events = [chunk | {"choices": [{"index": 0, "delta": d, "finish_reason": e}]}
                      for d, e in zip(deltas, ends)]
            text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
            self.answer(200, text.encode(), "text/event-stream")
        else:
            message = {"role": "assistant", "content": f"I am {model}."}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            usage = {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}
            self.answer(200, {"id": "c", "object": "chat.completion", "created": 0, "model": model,
                              "choices": choices, "usage": usage})

    def answer(self, status, body, content_type="application/json"):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), OpenAi).serve_forever()
