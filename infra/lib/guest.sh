# shellcheck shell=bash
# A fresh Debian, booted: systemd is its first process, in namespaces of its own (systemd-nspawn(1)), with this machine's
# network, so that an agent in it and the engine here share a loopback. It lies in STATE/guest and goes with it.

GUEST=$STATE/guest
GUEST_RELEASE=bookworm
# What debootstrap's smallest Debian lacks and every installed one has, and what the packages that are tried depend on.
GUEST_PACKAGES=systemd,systemd-sysv,dbus,ca-certificates

guest_need_tools() {
  local missing=()
  command -v debootstrap >/dev/null || missing+=(debootstrap)
  command -v systemd-nspawn >/dev/null || missing+=(systemd-container)
  ((${#missing[@]} == 0)) || packages_install "${missing[@]}"
}

# guest_up OPTION...: boots it, with further options of systemd-nspawn.
guest_up() {
  local root=$STATE/guest-$GUEST_RELEASE
  guest_need_tools
  guest_down
  [[ -d $root ]] || guest_fetch "$root"
  say "booting a fresh Debian ($GUEST_RELEASE)"
  as_root cp -a --reflink=auto "$root" "$GUEST"
  process_start guest systemd-nspawn --quiet --directory="$GUEST" --machine=acre-guest --boot --register=no --keep-unit \
    --console=pipe --resolv-conf=off --timezone=off --link-journal=no "$@"
  process_ready guest 60 guest_has_booted
}

guest_fetch() {
  local root=$1 mirror
  mirror=$(foreign_mirror) || die "apt has no source for Debian's main component; see sources.list(5)"
  say "fetching a Debian $GUEST_RELEASE"
  as_root rm -rf --one-file-system "$root.new"
  as_root debootstrap --variant=minbase --include="$GUEST_PACKAGES" "$GUEST_RELEASE" "$root.new" "$mirror" >"$STATE/guest-fetch.log" ||
    die "debootstrap failed; its log is $STATE/guest-fetch.log"
  as_root rm -rf "$root.new/var/cache/apt/archives"
  as_root mkdir -p "$root.new/var/cache/apt/archives/partial"
  as_root mv "$root.new" "$root"
}

# The process that is the guest's first: the only child of the one that was started here.
guest_leader() {
  local pid leader
  pid=$(process_pid guest) || return 1
  leader=$(<"/proc/$pid/task/$pid/children")
  leader=${leader%% *}
  [[ -n $leader ]] && printf '%s\n' "$leader"
}

# guest_run COMMAND...: as root, in the guest.
guest_run() {
  local leader
  leader=$(guest_leader) || die "the guest does not run; its log is $STATE/guest.log"
  as_root nsenter --target "$leader" --mount --uts --ipc --pid --root --wd env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# Whether all that was to be started has been; what failed is said by whoever needs it.
guest_has_booted() {
  guest_leader && [[ $(guest_run systemctl is-system-running) == @(running|degraded) ]]
}

guest_down() {
  process_stop guest 60
  as_root rm -rf --one-file-system "$GUEST"
}
