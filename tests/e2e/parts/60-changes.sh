#!/usr/bin/env bash
# A hundred changes of routes lose no request and cut no stream.
. "$(dirname "$0")/../lib.sh"
with_examples
steady_load "$(address ai ai)" || finish 60-changes
for number in $(seq 100); do
  k -n ai patch httproute by-header --type=merge -p "{\"metadata\":{\"annotations\":{\"change\":\"$number\"}}}" >/dev/null
  # Every change is to what the load asks for, and every fifth takes another route away or brings it back.
  k -n ai patch httproute by-path --type=json -p "[{\"op\":\"add\",\"path\":\"/spec/rules/0/name\",\"value\":\"change-$number\"}]" >/dev/null
  case $((number % 10)) in
    4) k -n ai delete httproute by-query >/dev/null ;;
    9) k apply -f "$top/examples/routing-patterns/03-query.yaml" >/dev/null ;;
  esac
done
current() { k -n ai get httproute by-path -o json | jq -e '.metadata.generation as $g | all(.status.parents[].conditions[]; .observedGeneration == $g)'; }
until_holds 30 "the status is that of the last change" current
no_loss "while routes changed 100 times"
k apply -f "$top/examples/routing-patterns" >/dev/null
finish 60-changes
