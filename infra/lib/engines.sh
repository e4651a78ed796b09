# shellcheck shell=bash
# Further engines on this machine, each in a network namespace of its own (space.sh), so that it is to an agent what the
# engine of another machine would be:
#
#   second    the machine's own release of Docker Engine once more
#   current   that of a newer Debian with the containerd image store, as users have it now

ENGINES=(second current)
# 13 has Docker 26; sid has what comes next.
CURRENT_RELEASE=${ACRE_INFRA_CURRENT_RELEASE:-trixie}

# engines_up NAME...
engines_up() {
  local name number
  for name in "$@"; do
    number=$(engines_number "$name")
    space_up "$name" "$number"
    process_alive "$name" || engines_start "$name"
  done
}

engines_number() {
  local number
  for number in "${!ENGINES[@]}"; do
    if [[ ${ENGINES[number]} == "$1" ]]; then
      printf '%d\n' "$number"
      return
    fi
  done
  die "no engine is named $1; there are: ${ENGINES[*]}"
}

engines_start() {
  case $1 in
    second) engines_start_second ;;
    current) engines_start_current ;;
  esac
}

engines_start_second() {
  say "starting a second container engine at $(daemon_socket second)"
  daemon_start second nsenter --net="$(space_file second)" dockerd
}

engines_start_current() {
  local root=$STATE/engine-$CURRENT_RELEASE
  [[ -d $root ]] || engines_fetch "$root"
  say "starting a current container engine at $(daemon_socket current)"
  as_root mkdir -p "$STATE/current"
  printf '{"features": {"containerd-snapshotter": true}}\n' | as_root tee "$STATE/current/daemon.json" >/dev/null
  daemon_start current nsenter --net="$(space_file current)" unshare --mount --propagation private \
    "$INFRA/lib/in_root" "$root" "$STATE/current" dockerd --config-file "$STATE/current/daemon.json"
}

# The packages' scripts would have chosen between the two kinds of packet filter: the choice is the machine's.
engines_fetch() {
  local root=$1 kind=nft tool
  say "fetching the Docker Engine of Debian $CURRENT_RELEASE"
  foreign_root "$CURRENT_RELEASE" "$root" docker.io iptables base-files xz-utils
  [[ $(iptables --version) == *nf_tables* ]] || kind=legacy
  for tool in iptables ip6tables; do
    as_root ln -sf "$tool-$kind" "$root/usr/sbin/$tool"
  done
}

# What was on them goes with them: it can all be made again.
engines_down() {
  local name
  for name in "${ENGINES[@]}"; do
    daemon_stop "$name" engines_up "$name"
    space_remove "$name"
    as_root rm -rf --one-file-system "${STATE:?}/$name"
  done
}

# engines_run NAME COMMAND...: with that engine as DOCKER_HOST, and on its side of the network.
engines_run() {
  local name=$1
  shift
  space_run "$name" env DOCKER_HOST="$(daemon_socket "$name")" "$@"
}
