# shellcheck shell=bash
# etcd for tests, in the two versions that a farm's records are kept in: Debian 12's and Debian 13's, each with data and
# ports of its own, on loopback. Unpacked rather than installed: the packages start services.

# VERSION -> release of Debian that has it, port for clients, port for members.
declare -A ETCD_RELEASE=([3.4]=bookworm [3.5]=trixie) ETCD_PORT=([3.4]=23790 [3.5]=23791) ETCD_PEERS=([3.4]=23890 [3.5]=23891)
ETCD_VERSIONS=(3.4 3.5)

# etcd_address VERSION: as --store takes it, without a prefix.
etcd_address() { printf 'etcd://127.0.0.1:%s\n' "${ETCD_PORT[$1]}"; }

etcd_answers() {
  [[ $(curl -s --max-time 5 "http://127.0.0.1:${ETCD_PORT[$1]}/health") == *'"health":"true"'* ]]
}

etcd_up() {
  local version
  for version in "${ETCD_VERSIONS[@]}"; do
    etcd_answers "$version" || etcd_start "$version"
  done
}

etcd_start() {
  local version=$1 program address=http://127.0.0.1:${ETCD_PORT[$1]} peers=http://127.0.0.1:${ETCD_PEERS[$1]}
  program=$(etcd_program "$version")
  say "starting etcd $version at $(etcd_address "$version")"
  process_stop "etcd-$version" 10
  # What tests stored is of no use to others.
  as_root rm -rf "$STATE/etcd/$version"
  mkdir -p "$STATE/etcd"
  # etcd 3.4 wants to be told that it may run on anything but amd64.
  process_start "etcd-$version" env ETCD_UNSUPPORTED_ARCH="$(etcd_architecture)" "$program" --name test \
    --data-dir "$STATE/etcd/$version" --logger zap --log-level warn \
    --listen-client-urls "$address" --advertise-client-urls "$address" \
    --listen-peer-urls "$peers" --initial-advertise-peer-urls "$peers" --initial-cluster "test=$peers" \
    --auto-compaction-mode periodic --auto-compaction-retention 1h
  process_ready "etcd-$version" 20 etcd_answers "$version"
}

# As Go names it, which etcd is written in.
etcd_architecture() {
  case $(dpkg --print-architecture) in
    armhf) printf 'arm\n' ;;
    i386) printf '386\n' ;;
    *) dpkg --print-architecture ;;
  esac
}

# The program of a version; fetched where it is missing.
etcd_program() {
  local directory=$STATE/etcd-package-$1 architecture
  architecture=$(dpkg --print-architecture)
  if [[ ! -x $directory/$architecture/usr/bin/etcd ]]; then
    say "fetching etcd $1"
    foreign_fetch "${ETCD_RELEASE[$1]}" "$directory" "etcd-server:$architecture"
  fi
  printf '%s\n' "$directory/$architecture/usr/bin/etcd"
}

etcd_down() {
  local version
  for version in "${ETCD_VERSIONS[@]}"; do
    process_stop "etcd-$version" 10
  done
}
