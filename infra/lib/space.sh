# shellcheck shell=bash
# Network namespaces for engines that stand for other machines: each has a loopback of its own, and a veth pair that
# leads to this machine and nowhere else. What listens at 127.0.0.1:5000 there is this machine's registry, so that images
# have one name everywhere, which every engine takes for a registry without TLS.
#
# The namespace is held by a file below the state directory (see namespaces(7)), not by a name that all of the machine
# shares, and the name and addresses of the link depend on the state directory.

# space_up NAME NUMBER: NUMBER, 0 to 63, sets it apart from the other namespaces here.
space_up() {
  local name=$1 number=$2
  space_is_whole "$name" || {
    say "making network namespace $name: $(space_host "$number") here, $(space_address "$number") there"
    space_remove "$name"
    space_make "$name" "$number"
  }
  space_forward_registry "$name" "$number"
}

space_file() { printf '%s/spaces/%s\n' "$STATE" "$1"; }

# space_run NAME COMMAND...: runs it in the namespace, as who calls.
space_run() {
  local file
  file=$(space_file "$1")
  shift
  if ((EUID == 0)); then
    nsenter --net="$file" "$@"
  else
    sudo --preserve-env -- nsenter --net="$file" setpriv --reuid "$EUID" --regid "$(id -g)" --init-groups \
      env HOME="$HOME" PATH="$PATH" "$@"
  fi
}

space_exists() { [[ $(stat --file-system --format %T "$(space_file "$1")" 2>/dev/null) == nsfs ]]; }

# A namespace that was left half made, or whose link was cut, has no link of this name.
space_is_whole() { space_exists "$1" && as_root nsenter --net="$(space_file "$1")" ip link show uplink >/dev/null 2>&1; }

# A number of this state directory: two of them on one machine hardly ever have the same.
space_seed() { cksum <<<"$STATE" | cut -d ' ' -f 1; }

# Addresses come from the range for tests of networks (RFC 2544), which no network of anybody's uses.
space_subnet() { printf '198.18.%d' $(($(space_seed) % 254 + 1)); }

space_host() { printf '%s.%d\n' "$(space_subnet)" $(($1 * 4 + 1)); }

space_address() { printf '%s.%d\n' "$(space_subnet)" $(($1 * 4 + 2)); }

# Our end of the link; a name of an interface has 15 characters at most.
space_link() { printf 'acre%x-%d\n' $(($(space_seed) % 0x1000000)) "$1"; }

space_make() {
  local name=$1 number=$2 file link
  file=$(space_file "$name")
  link=$(space_link "$number")
  mkdir -p "${file%/*}"
  : >"$file"
  as_root unshare --net="$file" ip link set lo up
  as_root ip link add "$link" type veth peer name uplink netns "$file"
  as_root ip address add "$(space_host "$number")/30" dev "$link"
  as_root ip link set "$link" up
  as_root nsenter --net="$file" ip address add "$(space_address "$number")/30" dev uplink
  as_root nsenter --net="$file" ip link set uplink up
  # All of this machine's ends are reached, and nothing else: there is no default route.
  as_root nsenter --net="$file" ip route add "$(space_subnet).0/24" via "$(space_host "$number")"
}

# From 127.0.0.1:5000 there over the link to 127.0.0.1:5000 here.
space_forward_registry() {
  local name=$1 port=${REGISTRY##*:} host
  host=$(space_host "$2")
  space_forward "gate-$name" "TCP-LISTEN:$port,bind=$host,reuseaddr,fork" "TCP:$REGISTRY"
  space_forward "way-$name" "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" "TCP:$host:$port" \
    nsenter --net="$(space_file "$name")"
  process_ready "way-$name" 10 space_run "$name" curl -sf -o /dev/null --max-time 5 "http://$REGISTRY/v2/"
}

# space_forward NAME FROM TO [COMMAND...]: COMMAND leads to the place where it runs.
space_forward() {
  process_alive "$1" || process_start "$1" "${@:4}" socat -b 131072 "$2" "$3"
}

# The link goes with the namespace, the namespace with the last process in it.
space_remove() {
  local file
  file=$(space_file "$1")
  process_stop "way-$1" 5
  process_stop "gate-$1" 5
  ! space_exists "$1" || as_root umount "$file"
  rm -f "$file"
}
