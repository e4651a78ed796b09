# shellcheck shell=bash
# Building acre's programs for other systems than this machine's. The standard library comes from rustup where that has
# it, else from Debian's sources of Rust: then a compiler of the same packages compiles it together with acre.

# Our names of targets -> Rust's.
declare -A CROSS_TRIPLES=(
  [linux-amd64]=x86_64-unknown-linux-gnu [linux-arm64]=aarch64-unknown-linux-gnu [windows-amd64]=x86_64-pc-windows-gnu
)
# -> what Debian calls the C compiler (also of the parts that are written in C), and the packages that it is in.
declare -A CROSS_COMPILERS=(
  [linux-amd64]=x86_64-linux-gnu-gcc [linux-arm64]=aarch64-linux-gnu-gcc [windows-amd64]=x86_64-w64-mingw32-gcc
)
declare -A CROSS_PACKAGES=(
  [linux-amd64]='gcc-x86-64-linux-gnu libc6-dev-amd64-cross' [linux-arm64]='gcc-aarch64-linux-gnu libc6-dev-arm64-cross'
  [windows-amd64]='gcc-mingw-w64-x86-64'
)
# -> the packages of the workspace that are built; each has one program.
# shellcheck disable=SC2034 # for the script that takes this in
declare -A CROSS_CRATES=(
  [linux-amd64]='acre-client acre-agent acre-scheduler' [linux-arm64]='acre-client acre-agent acre-scheduler'
  [windows-amd64]='acre-client acre-agent'
)

CROSS_TARGETS=(linux-amd64 linux-arm64 windows-amd64)
CROSS_DEBIAN=$STATE/rust-web
# How long rustup may take to fetch a standard library, or to find out that it cannot.
CROSS_PATIENCE=120

cross_known() { [[ -n ${CROSS_TRIPLES[$1]:-} ]] || die "target $1 is not known; there are ${CROSS_TARGETS[*]}"; }

# What this machine is itself.
cross_native() {
  case $(uname -m) in
    x86_64) printf 'linux-amd64\n' ;;
    aarch64) printf 'linux-arm64\n' ;;
    *) die "release archives are built on amd64 or arm64, not on $(uname -m)" ;;
  esac
}

cross_is_native() { [[ $1 == "$(cross_native)" ]]; }

# The file of a crate's program for a target.
cross_file() {
  local name=${2/#acre-client/acre}
  [[ $1 == windows-* ]] && name+=.exe
  printf '%s\n' "$name"
}

# cross_prepare TARGET...: installs what building for these needs.
cross_prepare() {
  local target missing=()
  packages_need_cargo
  packages_ensure
  for target in "$@"; do
    cross_is_native "$target" && continue
    # shellcheck disable=SC2206 # several words on purpose
    command -v "${CROSS_COMPILERS[$target]}" >/dev/null || missing+=(${CROSS_PACKAGES[$target]})
  done
  ((${#missing[@]} == 0)) || packages_install "${missing[@]}"
  for target in "$@"; do
    cross_has_library "$target" || cross_debian_up
  done
}

# Whether the user's own tool chain has the target's standard library, perhaps since now.
cross_has_library() {
  local triple=${CROSS_TRIPLES[$1]} library
  cross_is_native "$1" && return
  [[ ${ACRE_CROSS_LIBRARY:-} != debian ]] || return 1
  library=$(rustc --print target-libdir --target "$triple" 2>/dev/null) && [[ -d $library ]] && return
  command -v rustup >/dev/null || return 1
  say "asking rustup for the standard library of $triple"
  (cd "$REPOSITORY" && timeout "$CROSS_PATIENCE" rustup target add "$triple" >&2) || {
    say "rustup has none to give; taking Debian's sources"
    return 1
  }
}

# Debian's packages of a current Rust conflict with others of Rust, so they are unpacked into a folder, not installed.
cross_debian_up() {
  local packages=$STATE/rust-web.packages needed
  [[ ! -e $CROSS_DEBIAN/ready ]] || return 0
  say "fetching Debian's Rust and its sources"
  rm -rf "$CROSS_DEBIAN" "$packages"
  mkdir -p "$CROSS_DEBIAN" "$packages"
  as_root apt-get update -q >&2
  (cd "$packages" && apt-get download rustc-web cargo-web rust-web-src libstd-rust-web-dev "$(cross_debian_library)" >&2)
  # The libraries that these are linked with are for anybody.
  needed=$(cross_debian_needs "$packages")
  # shellcheck disable=SC2086 # several words on purpose
  [[ -z $needed ]] || packages_install $needed
  cross_debian_unpack "$packages"
  rm -rf "$packages"
  cross_debian_is_new_enough
  touch "$CROSS_DEBIAN/ready"
}

# The package that libstd-rust-web-dev belongs to; its name has the version in it.
cross_debian_library() {
  apt-cache depends libstd-rust-web-dev | sed -n 's/.*Depends: \(libstd-rust-web-[0-9.]*\)$/\1/p' | head -n 1
}

# Those that are missing of them.
cross_debian_needs() {
  local package
  for package in "$1"/*.deb; do
    dpkg-deb --field "$package" Depends
  done | tr ',' '\n' | sed 's/[(|].*//; s/ //g' | grep '^lib' | grep -v '^libstd-rust' | sort -u | while read -r package; do
    [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
  done
}

# Of the sources, only the standard library's are needed.
cross_debian_unpack() {
  local package
  for package in "$1"/*.deb; do
    case ${package##*/} in
      rust-web-src_*)
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$CROSS_DEBIAN" --wildcards './usr/lib/*' './usr/src/*/library*'
        ;;
      *) dpkg-deb --extract "$package" "$CROSS_DEBIAN" ;;
    esac
  done
}

cross_debian_is_new_enough() {
  local wanted found
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$REPOSITORY/Cargo.toml")
  found=$(cross_debian_run rustc --version | cut -d ' ' -f 2)
  [[ $(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1) == "$wanted" ]] ||
    die "Debian's Rust is $found, and acre needs $wanted"
}

# A program of the unpacked packages, with the libraries that lie beside it.
cross_debian_run() {
  local program=$1 folder
  shift
  folder=$(echo "$CROSS_DEBIAN"/usr/lib/*-linux-gnu)
  env LD_LIBRARY_PATH="$folder" "$CROSS_DEBIAN/usr/bin/$program" "$@"
}

# cross_build TARGET SOURCE FOLDER PROFILE CRATE...: programs of the workspace in SOURCE, made in FOLDER.
cross_build() {
  local target=$1 source=$2 folder=$3 profile=$4 triple=${CROSS_TRIPLES[$1]} arguments environment crate
  shift 4
  arguments=(build --locked --profile "$profile" --target "$triple")
  for crate in "$@"; do
    arguments+=(--package "$crate")
  done
  mapfile -t environment < <(cross_environment "$target" "$source" "$folder")
  if cross_has_library "$target"; then
    (cd "$source" && env "${environment[@]}" cargo "${arguments[@]}" >&2)
  else
    environment+=("RUSTC=$CROSS_DEBIAN/usr/bin/rustc" "RUSTDOC=$CROSS_DEBIAN/usr/bin/rustdoc" RUSTC_BOOTSTRAP=1)
    (cd "$source" && export "${environment[@]}" &&
      cross_debian_run cargo "${arguments[@]}" -Z build-std=std,panic_unwind >&2)
  fi
}

# Variables for cargo: the linker, and what keeps names of this machine's folders and the time out of the programs.
cross_environment() {
  local target=$1 source=$2 folder=$3 upper flags home=${CARGO_HOME:-$HOME/.cargo}
  upper=${CROSS_TRIPLES[$target]^^}
  flags="--remap-path-prefix=$source=/acre --remap-path-prefix=$home=/cargo --remap-path-prefix=$folder=/target"
  flags+=" --remap-path-prefix=$CROSS_DEBIAN=/rust"
  # The linker of Windows' programs notes the time.
  [[ $target != windows-* ]] || flags+=' -Clink-arg=-Wl,--no-insert-timestamp'
  printf '%s\n' "CARGO_TARGET_DIR=$folder" "RUSTFLAGS=$flags" \
    "CFLAGS=-ffile-prefix-map=$home=/cargo -ffile-prefix-map=$folder=/target" \
    CARGO_PROFILE_DEV_DEBUG=false CARGO_PROFILE_DEV_STRIP=true CARGO_INCREMENTAL=0
  cross_is_native "$target" || printf '%s\n' "CARGO_TARGET_${upper//-/_}_LINKER=${CROSS_COMPILERS[$target]}"
}
