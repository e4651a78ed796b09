# shellcheck shell=bash
# Bases for windows/amd64, in which there is no Windows: each an OCI index of the base image's platforms and of one for
# windows/amd64, under the name of the release of Windows that it pretends to be made of.

# shellcheck disable=SC2034 # for the scripts that take this in
declare -A WINDOWS_BASES=([base-ltsc2019]=10.0.17763.5329 [base-ltsc2022]=10.0.20348.2227 [base-ltsc2025]=10.0.26100.2033)

windows_bases_up() {
  local name
  for name in "${!WINDOWS_BASES[@]}"; do
    image_up "$name" windows_base_make "$name"
  done
}

windows_base_make() {
  [[ -f $STATE/base/digest ]] || base_make
  say "making $1, a base for Windows ${WINDOWS_BASES[$1]} without a Windows in it"
  rm -rf "${STATE:?}/$1"
  python3 "$INFRA/lib/windows_base.py" "$STATE/base" "${WINDOWS_BASES[$1]}" "$STATE/$1"
}
