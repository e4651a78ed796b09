# shellcheck shell=bash
# Images with Debian's C compiler for the release sample: `toolchain`, which runs on each platform of the base image and
# compiles for itself, and `cross-toolchain`, which runs on this machine's and compiles for all of them and for Windows.

TOOLCHAIN_NAME=toolchain
CROSS_NAME=cross-toolchain
GCC=12

# Debian's name of an architecture -> the prefix of its compiler, as names of packages have it.
declare -A TOOLCHAIN_TRIPLETS=(
  [amd64]=x86-64-linux-gnu [i386]=i686-linux-gnu [arm64]=aarch64-linux-gnu [armhf]=arm-linux-gnueabihf
)

toolchain_up() {
  local machine
  machine=$(dpkg --print-architecture)
  [[ $machine == amd64 ]] || die "the release sample cross-compiles from amd64; this machine is $machine"
  image_up "$TOOLCHAIN_NAME" toolchain_make
  image_up "$CROSS_NAME" toolchain_make_cross
}

# What a compiler for the architecture it runs on is made of.
toolchain_packages() {
  printf "%s:$1\n" "cpp-$GCC" "gcc-$GCC" "binutils-${TOOLCHAIN_TRIPLETS[$1]}" libbinutils libctf0 libctf-nobfd0 libjansson4 \
    libisl23 libmpc3 libmpfr6 libgmp10 libzstd1 zlib1g "libgcc-$GCC-dev" libgcc-s1 libc6 libc6-dev linux-libc-dev
}

# What one for another architecture has besides, on amd64.
toolchain_cross_packages() {
  local triplet=${TOOLCHAIN_TRIPLETS[$1]}
  printf '%s:amd64\n' "cpp-$GCC-$triplet" "gcc-$GCC-$triplet" "binutils-$triplet" "libgcc-$GCC-dev-$1-cross" \
    "libc6-dev-$1-cross" "linux-libc-dev-$1-cross"
}

# What one for windows/amd64 has besides, on amd64.
toolchain_windows_packages() {
  printf '%s:amd64\n' gcc-mingw-w64-x86-64-win32 gcc-mingw-w64-x86-64-win32-runtime binutils-mingw-w64-x86-64 \
    mingw-w64-x86-64-dev mingw-w64-common libstdc++6
}

toolchain_make() {
  local architecture packages
  mapfile -t packages < <(for architecture in "${BASE_ARCHITECTURES[@]}"; do toolchain_packages "$architecture"; done)
  toolchain_image "$TOOLCHAIN_NAME" "${packages[@]}"
}

toolchain_make_cross() {
  local architecture packages
  mapfile -t packages < <(
    toolchain_packages amd64
    for architecture in i386 arm64 armhf; do toolchain_cross_packages "$architecture"; done
    toolchain_windows_packages
  )
  toolchain_image "$CROSS_NAME" "${packages[@]}"
}

# toolchain_image NAME PACKAGE:ARCHITECTURE...: makes STATE/NAME.
toolchain_image() {
  local name=$1 trees=$STATE/$1-trees tree
  shift
  say "fetching C compilers for $REGISTRY/$name:$BASE_TAG"
  foreign_fetch "$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")" "$trees" "$@"
  for tree in "$trees"/*; do
    toolchain_trim "$tree"
  done
  say "making the image $name"
  rm -rf "${STATE:?}/$name"
  python3 "$INFRA/lib/base_image.py" "$STATE/busybox" "$STATE/busybox/applets" "$STATE/$name" "$trees"
  rm -rf "$trees"
}

# Leaves out manuals and link-time optimization, two thirds of it all, and gives the tools their short names.
toolchain_trim() {
  local tree=$1 name
  # The headers of Windows are in the manuals' folder.
  find "${tree:?}/usr/share" -mindepth 1 -maxdepth 1 ! -name mingw-w64 -exec rm -rf {} +
  find "$tree/usr" '(' -name 'lto*' -o -name '*-lto-dump-*' -o -name '*.pyc' ')' -type f -delete
  ln -sf "gcc-$GCC" "$tree/usr/bin/cc"
  for name in as ld ar; do
    ln -sf "$(toolchain_native "$tree")-$name" "$tree/usr/bin/$name"
  done
}

# The prefix of the tools that compile for the architecture they run on: gcc-12 is a link to PREFIX-gcc-12.
toolchain_native() {
  local link
  link=$(readlink "$1/usr/bin/gcc-$GCC")
  printf '%s\n' "${link%-gcc-*}"
}
