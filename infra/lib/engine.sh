# shellcheck shell=bash
# The container engine: the one DOCKER_HOST names, or that answers at the default socket, else one of our own, with
# data, sockets and pid file of its own below the state directory.

ENGINE=$STATE/engine

engine_answers() { curl -sf -o /dev/null --max-time 5 --unix-socket "${1#unix://}" http://engine/_ping; }

engine_up() {
  if [[ -n ${DOCKER_HOST:-} ]]; then
    [[ $DOCKER_HOST == unix://* ]] || die "DOCKER_HOST is $DOCKER_HOST; scripts and tests need a Unix socket (unix://...)"
    engine_answers "$DOCKER_HOST" || [[ $DOCKER_HOST == "unix://$ENGINE/docker.sock" ]] ||
      die "no engine answers at DOCKER_HOST ($DOCKER_HOST); start it, or unset DOCKER_HOST to have one started"
  elif process_alive engine; then
    DOCKER_HOST=unix://$ENGINE/docker.sock
  else
    DOCKER_HOST=unix:///var/run/docker.sock
  fi
  export DOCKER_HOST
  engine_answers "$DOCKER_HOST" || engine_start
}

engine_start() {
  DOCKER_HOST=unix://$ENGINE/docker.sock
  say "starting a container engine at $DOCKER_HOST"
  process_stop engine 60
  as_root mkdir -p "$ENGINE"
  as_root rm -f "$ENGINE/docker.pid" "$ENGINE/docker.sock"
  engine_remember_network
  # Namespaces of its own keep it apart from an engine that shares a containerd of the system.
  process_start engine dockerd --host "$DOCKER_HOST" --pidfile "$ENGINE/docker.pid" \
    --data-root "$ENGINE/data" --exec-root "$ENGINE/exec" \
    --containerd-namespace acre-infra --containerd-plugins-namespace acre-infra-plugins
  process_ready engine 60 as_root curl -sf --unix-socket "$ENGINE/docker.sock" http://engine/_ping
  as_root chown "$EUID" "$ENGINE/docker.sock"
}

# Stops the engine that engine_start started, if it did; the containers on it end with it.
engine_down() {
  [[ -e $STATE/processes/engine ]] || return 0
  if process_dead engine && engine_left_processes; then
    say "the engine was killed: starting it once more, so that it ends its containers"
    engine_start
  fi
  process_stop engine 60
  engine_unmount
  engine_restore_network
}

# Whether processes that hold the containers of our engine outlived it. The pattern comes by file, or grep finds itself.
engine_left_processes() { grep -qsF -f <(printf '%s' "$ENGINE/exec/containerd") /proc/[0-9]*/cmdline; }

# An engine that was killed, or runs in a chroot, leaves mounts behind, which would keep its data from being removed.
engine_unmount() {
  local mount
  while read -r mount; do
    as_root umount "$mount"
  done < <(awk -v below="$ENGINE/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | sort -r)
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
