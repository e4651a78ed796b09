# shellcheck shell=bash
# Where the scripts keep what they made and which processes they started.

INFRA=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
REPOSITORY=$(cd "$INFRA/.." && pwd)
STATE=${ACRE_INFRA_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/acre-infra}
# Daemons and packet filters live in sbin, which a user's PATH on Debian lacks.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export INFRA REPOSITORY STATE PATH

# Descriptor 8 is held shared by everyone who uses the machine, 9 exclusively while it is changed.
# Processes that outlive the script must be started without them.

# The engine puts sockets below the state directory, and sun_path (unix(7)) holds 108 bytes.
state_prepare() {
  ((${#STATE} <= 60)) || die "state directory $STATE: longer than the 60 bytes that leave room for a socket below it; set ACRE_INFRA_STATE"
  mkdir -p "$STATE/processes"
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    command -v sudo >/dev/null || die "this needs root: run it as root, or install sudo"
    sudo -- "$@"
  fi
}

# Runs a function while no other script changes the machine. Not in a condition, where errors would not end it.
state_locked() {
  exec 9>"$STATE/lock"
  flock 9
  "$@"
  exec 9>&-
}

# Counts this script among the users of the machine until it ends, however it ends.
state_use() { exec 8>"$STATE/users" && flock --shared 8; }

# Succeeds if this script is the only user.
state_is_last_user() { flock --exclusive --nonblock 8; }
