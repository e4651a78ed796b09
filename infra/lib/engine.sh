# shellcheck shell=bash
# The container engine: the one DOCKER_HOST names, or that answers at the default socket, else one of our own, with
# data, sockets and pid file of its own below the state directory.

engine_up() {
  local own
  own=$(daemon_socket engine)
  if [[ -n ${DOCKER_HOST:-} ]]; then
    [[ $DOCKER_HOST == unix://* ]] || die "DOCKER_HOST is $DOCKER_HOST; scripts and tests need a Unix socket (unix://...)"
    daemon_answers "$DOCKER_HOST" || [[ $DOCKER_HOST == "$own" ]] ||
      die "no engine answers at DOCKER_HOST ($DOCKER_HOST); start it, or unset DOCKER_HOST to have one started"
  elif process_alive engine; then
    DOCKER_HOST=$own
  else
    DOCKER_HOST=unix:///var/run/docker.sock
  fi
  export DOCKER_HOST
  daemon_answers "$DOCKER_HOST" || engine_start
}

engine_start() {
  DOCKER_HOST=$(daemon_socket engine)
  say "starting a container engine at $DOCKER_HOST"
  engine_remember_network
  daemon_start engine dockerd
}

# Stops the engine that engine_start started, if it did; the containers on it end with it.
engine_down() {
  daemon_stop engine engine_start
  engine_restore_network
}

# Whether an engine had been here before ours came first, and what it changes: the policy of the FORWARD chain, and forwarding.
engine_remember_network() {
  local had=yes
  [[ ! -e $STATE/network ]] || return 0
  ip link show docker0 >/dev/null 2>&1 || had=no
  printf '%s %s %s\n' "$had" "$(as_root iptables -S FORWARD | sed -n 's/^-P FORWARD //p')" \
    "$(</proc/sys/net/ipv4/ip_forward)" >"$STATE/network"
}

# An engine leaves its bridges and packet filter rules behind when it ends. Engines share the names of their rules, so
# they are removed only where no engine ran before and none runs now.
engine_restore_network() {
  local had policy forward bridge
  [[ -f $STATE/network ]] || return 0
  read -r had policy forward <"$STATE/network"
  if [[ $had == no ]] && ! engine_runs_elsewhere; then
    say "removing the engine's bridges and packet filter rules"
    as_root iptables-save | grep -vE 'DOCKER|docker0| br-[0-9a-f]{12}' | as_root iptables-restore
    as_root iptables -P FORWARD "$policy"
    printf '%s\n' "$forward" | as_root tee /proc/sys/net/ipv4/ip_forward >/dev/null
    while read -r bridge _; do
      [[ ! $bridge =~ ^(docker0|br-[0-9a-f]{12})$ ]] || as_root ip link delete "$bridge"
    done < <(ip -brief link show type bridge)
  fi
  rm -f "$STATE/network"
}

engine_runs_elsewhere() { grep -qsx dockerd /proc/[0-9]*/comm; }
