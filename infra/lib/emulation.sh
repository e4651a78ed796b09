# shellcheck shell=bash
# QEMU user emulation of the platforms of the base image that this machine does not run natively.

BINFMT=/proc/sys/fs/binfmt_misc

emulation_interpreters() {
  case $(uname -m) in
    x86_64) printf '%s\n' qemu-aarch64 qemu-arm ;;
    aarch64) printf '%s\n' qemu-x86_64 qemu-i386 ;;
    *) printf '%s\n' qemu-x86_64 qemu-i386 qemu-aarch64 qemu-arm ;;
  esac
}

# Only these are enabled: an engine's BuildKit probes every registered interpreter before each build.
emulation_up() {
  local name
  if [[ ! -e $BINFMT/register ]]; then
    say "mounting $BINFMT"
    if ! as_root mount -t binfmt_misc binfmt_misc "$BINFMT"; then
      warn "no emulation of other platforms: the kernel has no binfmt_misc (CONFIG_BINFMT_MISC), or does not let us mount it"
      return
    fi
    touch "$STATE/binfmt-mounted"
  fi
  while read -r name; do
    [[ ! -e $BINFMT/$name ]] || continue
    say "registering $name"
    as_root update-binfmts --enable "$name"
    [[ -e $BINFMT/$name ]] || die "update-binfmts did not register $name; is qemu-user-static installed?"
    printf '%s\n' "$name" >>"$STATE/binfmt-enabled"
  done < <(emulation_interpreters)
}

emulation_down() {
  local name
  if [[ -f $STATE/binfmt-enabled ]]; then
    while read -r name; do
      [[ ! -e $BINFMT/$name ]] || as_root update-binfmts --disable "$name"
    done <"$STATE/binfmt-enabled"
    rm -f "$STATE/binfmt-enabled"
  fi
  if [[ -f $STATE/binfmt-mounted ]]; then
    ! mountpoint -q "$BINFMT" || as_root umount "$BINFMT"
    rm -f "$STATE/binfmt-mounted"
  fi
}
