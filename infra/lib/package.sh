# shellcheck shell=bash
# The Debian packages: `acre`, `acre-scheduler` and `acre-agent`, of binaries that are there (farm.sh).

PROGRAMS=(acre acre-scheduler acre-agent)

# COMMAND:PACKAGE of what makes packages, pages and checks.
package_need_tools() {
  local pair missing=()
  for pair in dh:debhelper dpkg-buildpackage:dpkg-dev help2man:help2man lintian:lintian; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  ((${#missing[@]} == 0)) || packages_install "${missing[@]}"
}

# The version of a package of this source: what Cargo says, first of its packagings.
package_version() { printf '%s-1\n' "$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$REPOSITORY/Cargo.toml")"; }

# When the source was changed last, so that the same source gives the same package.
package_time() { git -C "$REPOSITORY" log -1 --format=%ct; }

# package_make VERSION OUT: puts the packages into OUT.
package_make() (
  version=$1 out=$2
  work=$STATE/package/build
  SOURCE_DATE_EPOCH=$(package_time)
  export SOURCE_DATE_EPOCH
  say "making the Debian packages, version $version"
  rm -rf "$work"
  mkdir -p "$work/source"/{bin,man,docs,completions/{bash,zsh,fish}} "$out"
  cd "$work/source"
  cp -r "$INFRA/debian" debian
  cp -r "$INFRA/systemd" systemd
  cp "${PROGRAMS[@]/#/$BINARIES/}" bin
  cp "$REPOSITORY"/docs/{task-file,user-guide,tasks,operate,etcd}.md docs
  cp "$REPOSITORY/CHANGELOG.md" .
  package_units
  package_pages
  package_changelog "$version" >debian/changelog
  package_run_quietly "$work/log" dpkg-buildpackage --build=binary --no-sign --unsigned-changes
  mv "$work"/*.deb "$out"
  rm -rf "$work"
)

# Where debhelper looks for them.
package_units() {
  local name
  for name in acre-scheduler acre-agent; do
    cp "systemd/$name".{service,sysusers,tmpfiles} debian
  done
}

package_pages() {
  local name
  bin/acre man man
  bin/acre completion bash >completions/bash/acre
  bin/acre completion zsh >completions/zsh/_acre
  bin/acre completion fish >completions/fish/acre.fish
  for name in acre-scheduler acre-agent; do
    # Defaults that depend on who asks are not the page's to tell.
    env -u ACRE_LOG -u ACRE_LOG_FORMAT -u DOCKER_HOST COLUMNS=100 help2man --section=8 --no-info --no-discard-stderr \
      --manual="acre" --name="$(sed -n 's/^Description=//p' "systemd/$name.service")" --output="man/$name.8" "bin/$name"
  done
}

package_changelog() {
  printf 'acre (%s) unstable; urgency=medium\n\n  * %s\n\n -- %s  %s\n' "$1" "See changelog.gz for what is new." \
    "$(sed -n 's/^Maintainer: //p' debian/control)" "$(date --utc --rfc-email --date "@$SOURCE_DATE_EPOCH")"
}

# package_run_quietly LOG COMMAND...: what it says matters if it fails.
package_run_quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    die "$1 failed"
  }
}

# package_check FOLDER: what Debian's checker says of the packages in it.
package_check() { lintian --fail-on error,warning --info --tag-display-limit 0 "$1"/*.deb; }
