# shellcheck shell=bash
# Debian packages: what is missing is installed, what is there is left alone.

# COMMAND:PACKAGE; a command that is there counts, wherever it came from.
PACKAGES=(
  dockerd:docker.io docker:docker.io iptables:iptables ip:iproute2 update-binfmts:binfmt-support
  qemu-aarch64-static:qemu-user-static curl:curl git:git python3:python3
  protoc:protobuf-compiler socat:socat gcc:gcc ld:binutils pkg-config:pkg-config flock:util-linux bzip2:bzip2 xz:xz-utils zstd:zstd
)

packages_ensure() {
  local pair missing=()
  for pair in "${PACKAGES[@]}"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  [[ -e /usr/include/stdio.h ]] || missing+=(libc6-dev)
  # The types of protobuf's own that the messages of etcd are made of; protoc looks for them there.
  [[ -e /usr/include/google/protobuf/descriptor.proto ]] || missing+=(libprotobuf-dev)
  [[ -e /etc/ssl/certs/ca-certificates.crt ]] || missing+=(ca-certificates)
  # Where the kernel confines with AppArmor, the engine needs its parser, which docker.io only recommends.
  if grep -qs Y /sys/module/apparmor/parameters/enabled && ! command -v apparmor_parser >/dev/null; then
    missing+=(apparmor)
  fi
  ((${#missing[@]} == 0)) || packages_install "${missing[@]}"
}

packages_install() {
  command -v apt-get >/dev/null || die "missing: $*; install them by hand, this is not a Debian machine"
  say "installing $*"
  as_root apt-get update -q >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
}

# A Rust tool chain is the user's choice of channel and place, so it is asked for, not installed.
packages_need_cargo() {
  command -v cargo >/dev/null || die "cargo is missing; install Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$REPOSITORY/Cargo.toml") or newer, for instance with rustup"
}
