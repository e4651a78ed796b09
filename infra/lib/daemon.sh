# shellcheck shell=bash
# One container engine of our own: its data, sockets and pid file lie in STATE/NAME, and so does all that it leaves.

daemon_socket() { printf 'unix://%s/%s/docker.sock\n' "$STATE" "$1"; }

daemon_answers() { curl -sf -o /dev/null --max-time 5 --unix-socket "${1#unix://}" http://engine/_ping; }

# daemon_start NAME COMMAND...: COMMAND is `dockerd`, or what leads to one in another place; its options come after it.
daemon_start() {
  local name=$1 home=$STATE/$1
  shift
  process_stop "$name" 60
  as_root mkdir -p "$home"
  as_root rm -f "$home/docker.pid" "$home/docker.sock"
  # Namespaces of its own keep it apart from an engine that shares a containerd of the system.
  process_start "$name" "$@" --host "$(daemon_socket "$name")" --pidfile "$home/docker.pid" \
    --data-root "$home/data" --exec-root "$home/exec" \
    --containerd-namespace "acre-infra-$name" --containerd-plugins-namespace "acre-infra-$name-plugins"
  process_ready "$name" 60 as_root curl -sf --unix-socket "$home/docker.sock" http://engine/_ping
  as_root chown "$EUID" "$home/docker.sock"
}

# daemon_stop NAME START...: START starts it once more if it was killed, so that it ends the containers that outlived it.
daemon_stop() {
  local name=$1
  shift
  [[ -e $STATE/processes/$name ]] || return 0
  if process_dead "$name" && daemon_left_processes "$name"; then
    say "engine $name was killed: starting it once more, so that it ends its containers"
    "$@"
  fi
  process_stop "$name" 60
  daemon_unmount "$name"
}

# Whether processes that hold its containers outlived it. The pattern comes by file, or grep finds itself.
daemon_left_processes() { grep -qsF -f <(printf '%s' "$STATE/$1/exec/containerd") /proc/[0-9]*/cmdline; }

# An engine that was killed, or runs in a chroot, leaves mounts behind, which would keep its data from being removed.
daemon_unmount() {
  local mount
  while read -r mount; do
    as_root umount "$mount"
  done < <(awk -v below="$STATE/$1/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | sort -r)
}
