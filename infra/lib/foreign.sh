# shellcheck shell=bash
# Packages of other architectures or releases of Debian, fetched from the machine's own mirror through an apt that has
# its own lists and cache, and unpacked without being installed: the machine's dpkg never hears of them.

# foreign_fetch RELEASE DIRECTORY PACKAGE:ARCHITECTURE...: unpacks each into DIRECTORY/ARCHITECTURE.
foreign_fetch() {
  local release=$1 directory=$2 root=$STATE/apt/$1 item
  shift 2
  foreign_prepare "$release" "$root" "${@#*:}"
  rm -rf "$root/packages" && mkdir -p "$root/packages"
  (cd "$root/packages" && foreign_apt "$root" download "$@" >&2)
  for item in "$@"; do
    rm -rf "${directory:?}/${item#*:}"
  done
  for item in "$@"; do
    mkdir -p "$directory/${item#*:}"
    foreign_extract "$root/packages/${item%%:*}_" "${item#*:}" "$directory/${item#*:}"
  done
  rm -rf "$root/packages"
}

# foreign_extract PREFIX ARCHITECTURE DIRECTORY: a package of that architecture, or of all.
foreign_extract() {
  local package
  for package in "$1"*"_$2.deb" "$1"*_all.deb; do
    [[ ! -f $package ]] || dpkg-deb --extract "$package" "$3"
  done
}

# foreign_prepare RELEASE ROOT ARCHITECTURE...: an apt of its own in ROOT, with the lists of these.
foreign_prepare() {
  local release=$1 root=$2 mirror architectures keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  shift 2
  mirror=$(foreign_mirror) || die "apt has no source for Debian's main component; see sources.list(5)"
  architectures=$(IFS=, && printf '%s' "$*")
  mkdir -p "$root/lists/partial" "$root/cache/archives/partial" "$root/parts"
  : >"$root/status"
  printf 'deb [arch=%s signed-by=%s] %s %s main\n' "$architectures" "$keyring" "$mirror" "$release" >"$root/sources.list"
  foreign_apt "$root" update >&2
}

# The address from which the machine takes its own release.
foreign_mirror() {
  local codename
  codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
  # shellcheck disable=SC2016 # apt's own placeholders
  apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v release="$codename" '$1 == release && $2 == "main" { print $3; found = 1; exit } END { exit !found }'
}

foreign_apt() {
  local root=$1
  shift
  apt-get -q \
    -o Dir::Etc::SourceList="$root/sources.list" -o Dir::Etc::SourceParts="$root/parts" \
    -o Dir::Etc::PreferencesParts="$root/parts" \
    -o Dir::State="$root" -o Dir::State::Lists="$root/lists" -o Dir::State::Status="$root/status" \
    -o Dir::Cache="$root/cache" -o APT::Sandbox::User=root \
    -o APT::Architectures::=amd64 -o APT::Architectures::=i386 \
    -o APT::Architectures::=arm64 -o APT::Architectures::=armhf \
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    "$@"
}

# foreign_root RELEASE DIRECTORY PACKAGE...: a root folder of these and all they depend on, for the machine's own
# architecture. No script of a package runs: what those would have made is the caller's to make.
# DIRECTORY comes into being whole or not at all.
foreign_root() {
  local release=$1 directory=$2 root=$STATE/apt/$1 package
  shift 2
  foreign_prepare "$release" "$root" "$(dpkg --print-architecture)"
  as_root rm -rf "$directory" "$directory.new" "$root/cache/archives"
  mkdir -p "$root/cache/archives/partial" "$directory.new"
  foreign_apt "$root" install --yes --download-only --no-install-recommends "$@" >&2
  for package in "$root/cache/archives"/*.deb; do
    as_root dpkg-deb --extract "$package" "$directory.new"
  done
  rm -rf "$root/cache/archives"
  mv "$directory.new" "$directory"
}
