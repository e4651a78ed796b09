# shellcheck shell=bash
# The binaries of acre, and what a farm of this user leaves in the user's directories.

# Cargo's name of the profile they are built in: `release`, or `dev`, which is compiled sooner and runs slower.
PROFILE=${ACRE_INFRA_PROFILE:-release}
TARGET=${CARGO_TARGET_DIR:-$REPOSITORY/target}
BINARIES=$TARGET/${PROFILE/#dev/debug}
ACRE=$BINARIES/acre
export ACRE

farm_build() {
  local targets=()
  packages_need_cargo
  say "building binaries ($PROFILE)"
  # What tests are built of is taken over; built without them, dependencies would be compiled anew.
  [[ $PROFILE != dev ]] || targets=(--all-targets)
  (cd "$REPOSITORY" && cargo build --profile "$PROFILE" --workspace "${targets[@]}")
}

# Where acre keeps configuration, state and caches (XDG base directory specification).
farm_places() {
  printf '%s\n' "${XDG_CONFIG_HOME:-$HOME/.config}/acre" "${XDG_DATA_HOME:-$HOME/.local/share}/acre" \
    "${XDG_STATE_HOME:-$HOME/.local/state}/acre" "${XDG_CACHE_HOME:-$HOME/.cache}/acre" \
    "${XDG_RUNTIME_DIR:-/run/user/$EUID}/acre"
}

# Remembers, once, which of them are not there yet and so may be removed later.
farm_remember_places() {
  local place
  [[ ! -e $STATE/farm-places ]] || return 0
  while read -r place; do
    [[ -e $place ]] || printf '%s\n' "$place"
  done < <(farm_places) >"$STATE/farm-places"
}

farm_forget() {
  local place
  [[ -e $STATE/farm-places ]] || return 0
  while read -r place; do
    rm -rf "$place"
  done <"$STATE/farm-places"
  rm -f "$STATE/farm-places"
}
