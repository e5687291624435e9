#!/usr/bin/env bash
# The patterns of examples/routing-patterns against the built-in mock and against an independent server:
# both must get the same requests from the gateway, so both answer with the same models.
. "$(dirname "$0")/../lib.sh"
need curl jq python3

independent=127.0.78.3
python3 "$top/tests/mock/openai.py" "$independent" 8090 &
pids+=($!)
for _ in $(seq 100); do
  if curl -fsS -o /dev/null "http://$independent:8090/v1/models" 2>/dev/null; then break; fi
  sleep 0.1
done
start_agw 127.0.78.1 builtin -f "$top/examples/routing-patterns" --mock
start_agw 127.0.78.2 elsewhere -f "$top/examples/routing-patterns" "--mock=http://$independent:8090"

chat='{"messages":[{"role":"user","content":"Who are you?"}]}'
long="{\"messages\":[{\"role\":\"user\",\"content\":\"$(printf 'word %.0s' $(seq 60))\"}]}"
stream='{"stream":true,"messages":[{"role":"user","content":"Who are you?"}]}'
embedding='{"model":"text-embedding-3-small","input":"Hello"}'

# ask ADDRESS PATH BODY HEADER: status and model, of a stream the first event's
ask() {
  curl -s -w '\n%{http_code}' "$1:8080$2" -H 'content-type: application/json' -H "${4:-x-none: 1}" -d "$3" |
    jq -Rrs 'split("\n") | .[-1] as $status
             | [.[:-1][] | capture("\"model\":\\s*\"(?<model>[^\"]*)\"").model] | "\($status) \(.[0] // "none")"'
}

while IFS='|' read -r path body header expected; do
  case $body in long) body=$long ;; stream) body=$stream ;; embedding) body=$embedding ;; *) body=$chat ;; esac
  same "$path ${header:-} (built-in)" "$expected" "$(ask 127.0.78.1 "$path" "$body" "$header")"
  same "$path ${header:-} (independent)" "$expected" "$(ask 127.0.78.2 "$path" "$body" "$header")"
done <<'CASES'
/models/mini|chat||200 gpt-4o-mini
/models/mini|stream||200 gpt-4o-mini
/models/large|chat||200 gpt-4o
/openai/embeddings|embedding||200 text-embedding-3-small
/chat|chat|X-Stage: staging|200 gpt-4o-mini
/chat|chat|X-Stage: live|200 gpt-4o
/chat|chat|X-Experiment: group-b-1|200 gpt-4o
/ask?tier=cheap|chat||200 gpt-4o-mini
/ask?tier=best|chat||200 gpt-4o
/auto|chat||200 gpt-4o-mini
/auto|long||200 gpt-4o
/steady|chat||200 gpt-4o
/steady|stream||200 gpt-4o
CASES

for address in 127.0.78.1 127.0.78.2; do
  split=$(for _ in $(seq 10); do ask "$address" /rollout "$chat"; done | sort | uniq -c | sed 's/^ *//' | tr '\n' ';')
  same "/rollout on $address" "2 200 gpt-4o;8 200 gpt-4o-mini;" "$split"
done
finish "tests/mock"
