# shellcheck shell=bash
# Prometheus for tests: Debian's program, and no service; each test starts one of its own.

# The folder with `prometheus` and `promtool`; fetched where they are missing.
prometheus_programs() {
  local directory=$STATE/prometheus-package architecture
  architecture=$(dpkg --print-architecture)
  if [[ ! -x $directory/$architecture/usr/bin/prometheus ]]; then
    say "fetching prometheus"
    foreign_fetch "$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")" "$directory" "prometheus:$architecture"
  fi
  printf '%s\n' "$directory/$architecture/usr/bin"
}
