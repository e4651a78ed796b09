# shellcheck shell=bash
# A farm of two agents for measurements: `one` next to this machine's engine, `two` next to a second one of the same
# release in a network namespace of its own (engines.sh). Each takes one group at a time, so that they share the cores of
# this machine as two machines would that have one each.

two_agents_home() { printf '%s/bench/two\n' "$STATE"; }

two_agents_farm() { printf 'unix:%s/farm.sock\n' "$(two_agents_home)"; }

two_agents_up() {
  local home
  home=$(two_agents_home)
  mkdir -p "$home"
  say "starting a farm of two agents at $(two_agents_farm)"
  process_start bench-scheduler "$BINARIES/acre-scheduler" --data "$home/scheduler" --listen "$(two_agents_farm)"
  process_ready bench-scheduler 20 as_root test -S "$home/farm.sock"
  as_root chown "$EUID" "$home/farm.sock"
  two_agents_start one "$DOCKER_HOST"
  two_agents_start two "$(daemon_socket second)" nsenter "--net=$(space_file second)"
  process_wait 60 two_agents_ready || die "not both agents are ready: see $STATE/bench-*.log"
}

# two_agents_start NAME ENGINE [COMMAND...]: COMMAND leads to the agent's side of the network.
two_agents_start() {
  process_start "bench-$1" "${@:3}" "$BINARIES/acre-agent" --farm "$(two_agents_farm)" --data "$(two_agents_home)/$1" \
    --id "$1" --slots 1 --engine "$2"
}

two_agents_ready() {
  local agents
  agents=$("$ACRE" --farm "$(two_agents_farm)" agents -o json) && python3 "$INFRA/lib/agents_ready.py" one two <<<"$agents"
}

two_agents_down() {
  local name
  for name in one two scheduler; do
    process_stop "bench-$name" 60
  done
}
