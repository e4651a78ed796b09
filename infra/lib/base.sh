# shellcheck shell=bash
# The base image of samples and tests: an OCI index of Debian's busybox-static for four platforms, in the registry.

BASE_NAME=base
BASE_TAG=1
# shellcheck disable=SC2034 # for the scripts that take this in
BASE=$REGISTRY/$BASE_NAME:$BASE_TAG
BASE_ARCHITECTURES=(amd64 i386 arm64 armhf)

base_up() { image_up "$BASE_NAME" base_make; }

# image_up NAME MAKE...: pushes STATE/NAME as NAME:1, unless the registry has it; MAKE makes it, unless it is there.
image_up() {
  local name=$1 directory=$STATE/$1
  shift
  image_in_registry "$name" || {
    [[ -f $directory/digest ]] || "$@"
    say "pushing $REGISTRY/$name:$BASE_TAG"
    python3 "$INFRA/lib/oci_push.py" "$directory" "$REGISTRY" "$name" "$BASE_TAG"
  }
}

# Whether the registry's index is the one that was made here.
image_in_registry() {
  [[ -f $STATE/$1/digest ]] || return 1
  [[ $(registry_digest "$1" "$BASE_TAG") == "$(<"$STATE/$1/digest")" ]]
}

base_make() {
  local codename listing=$STATE/busybox/applets
  codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
  say "fetching busybox-static for ${BASE_ARCHITECTURES[*]}"
  foreign_fetch "$codename" "$STATE/busybox" "${BASE_ARCHITECTURES[@]/#/busybox-static:}"
  base_applets >"$listing"
  say "making the base image"
  rm -rf "$STATE/base"
  python3 "$INFRA/lib/base_image.py" "$STATE/busybox" "$listing" "$STATE/base"
}

# The paths busybox would install its applets at, as the binary says that this machine can run.
base_applets() {
  local architecture
  for architecture in "${BASE_ARCHITECTURES[@]}"; do
    "$STATE/busybox/$architecture/bin/busybox" --list-full 2>/dev/null && return
  done
  die "none of the busybox binaries runs on this machine"
}
