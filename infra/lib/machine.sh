# shellcheck shell=bash
# Everything a farm on this machine stands on: packages, emulation, engine, registry, base image.

# A failure inside $(...) counts like any other.
shopt -s inherit_errexit

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/say.sh"
. "$(dirname "${BASH_SOURCE[0]}")/state.sh"
. "$(dirname "${BASH_SOURCE[0]}")/process.sh"
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
. "$(dirname "${BASH_SOURCE[0]}")/foreign.sh"
. "$(dirname "${BASH_SOURCE[0]}")/emulation.sh"
. "$(dirname "${BASH_SOURCE[0]}")/daemon.sh"
. "$(dirname "${BASH_SOURCE[0]}")/engine.sh"
. "$(dirname "${BASH_SOURCE[0]}")/registry.sh"
. "$(dirname "${BASH_SOURCE[0]}")/etcd.sh"
. "$(dirname "${BASH_SOURCE[0]}")/prometheus.sh"
. "$(dirname "${BASH_SOURCE[0]}")/space.sh"
. "$(dirname "${BASH_SOURCE[0]}")/engines.sh"
. "$(dirname "${BASH_SOURCE[0]}")/base.sh"
. "$(dirname "${BASH_SOURCE[0]}")/windows.sh"
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
. "$(dirname "${BASH_SOURCE[0]}")/wine.sh"

# machine_up [ENGINE]...: the machine's own engine, and these besides (engines.sh).
machine_up() {
  state_prepare
  state_use
  packages_ensure
  state_locked machine_start "$@"
}

machine_start() {
  emulation_up
  engine_up
  registry_up
  base_up
  engines_up "$@"
}

# machine_up_for_tests [ENGINE]...: with what tests need besides: etcd, and for the simulated Windows engine a BuildKit that
# can export, docker-buildx, and bases.
machine_up_for_tests() {
  machine_up current "$@"
  state_locked etcd_up
  state_locked windows_bases_up
  "$INFRA/lib/buildx" >/dev/null
  # A mail server that tests send to: a program, and no service.
  command -v aiosmtpd >/dev/null || packages_install python3-aiosmtpd
  # What a step prints is compared; a pull of its image would be part of that.
  docker pull --quiet "$BASE" >/dev/null
}

# Keeps the machine up when this script and the ones after it end, until machine_down.
machine_keep() { touch "$STATE/keep"; }

# Stops what was started here, unless it is to be kept or another script uses it.
machine_release() {
  [[ ! -e $STATE/keep ]] || return 0
  if state_is_last_user; then
    machine_down
  else
    say "leaving engine and registry running: another script uses them"
  fi
}

machine_down() {
  state_prepare
  rm -f "$STATE/keep"
  state_locked machine_stop
}

machine_stop() {
  wine_down
  engines_down
  etcd_down
  registry_down
  engine_down
  emulation_down
}

# What tests and developers need to know, as shell text.
machine_environment() {
  printf 'export DOCKER_HOST=%q\n' "$DOCKER_HOST"
  printf 'export ACRE_TEST_REGISTRY=%q\n' "$REGISTRY"
  printf 'export ACRE_TEST_BASE=%q\n' "$BASE"
  printf 'export ACRE_TEST_REGISTRY_PROGRAM=%q\n' "$(registry_program)"
  printf 'export ACRE_TEST_ETCD=%q\n' "$(etcd_address 3.4)"
  printf 'export ACRE_TEST_ETCD_PROGRAM=%q\n' "$(etcd_program 3.4)"
  printf 'export ACRE_TEST_PROMETHEUS_PROGRAMS=%q\n' "$(prometheus_programs)"
  printf 'export ACRE_TEST_BUILDKIT=%q\n' "$(daemon_socket current)"
  printf 'export ACRE_TEST_BUILDX=%q\n' "$("$INFRA/lib/buildx")"
}
