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
package_make() {
  local version=$1 out=$2 work=$STATE/package/build source
  local -x SOURCE_DATE_EPOCH
  SOURCE_DATE_EPOCH=$(package_time)
  say "making the Debian packages, version $version"
  rm -rf "$work"
  source=$work/source
  mkdir -p "$source"/{bin,man,docs,completions/{bash,zsh,fish}} "$out"
  cp -r "$INFRA/debian" "$INFRA/systemd" "$INFRA/watch" "$source"
  cp "${PROGRAMS[@]/#/$BINARIES/}" "$source/bin"
  cp "$REPOSITORY"/docs/{task-file,user-guide,tasks,operate,etcd,metrics,windows}.md "$source/docs"
  cp "$REPOSITORY/CHANGELOG.md" "$source"
  package_units "$source"
  package_pages "$source"
  package_changelog "$source" "$version" >"$source/debian/changelog"
  package_run_quietly "$work/log" env --chdir="$source" dpkg-buildpackage --build=binary --no-sign
  mv "$work"/*.deb "$out"
  rm -rf "$work"
}

# package_units SOURCE: where debhelper looks for them.
package_units() {
  local name
  for name in acre-scheduler acre-agent; do
    cp "$1/systemd/$name".{service,sysusers,tmpfiles} "$1/debian"
  done
}

# package_pages SOURCE: manual pages and completions, by the programs themselves.
package_pages() {
  local source=$1 name
  "$source/bin/acre" man "$source/man" >/dev/null
  "$source/bin/acre" completion bash >"$source/completions/bash/acre"
  "$source/bin/acre" completion zsh >"$source/completions/zsh/_acre"
  "$source/bin/acre" completion fish >"$source/completions/fish/acre.fish"
  for name in acre-scheduler acre-agent; do
    # Defaults that depend on who asks are not the page's to tell.
    env -u ACRE_LOG -u ACRE_LOG_FORMAT -u DOCKER_HOST COLUMNS=100 help2man --section=8 --no-info --manual=acre \
      --name="$(sed -n 's/^Description=//p' "$source/systemd/$name.service")" --output="$source/man/$name.8" "$source/bin/$name"
  done
}

package_changelog() {
  printf 'acre (%s) unstable; urgency=medium\n\n  * See changelog.gz for what is new.\n\n -- %s  %s\n' "$2" \
    "$(sed -n 's/^Maintainer: //p' "$1/debian/control")" "$(date --utc --rfc-email --date "@$SOURCE_DATE_EPOCH")"
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

# package_check FOLDER: what Debian's checker says of the packages in it. They are not meant for Debian's own archive, so
# no wish of somebody's for the package is closed by the first one.
package_check() { lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs "$1"/*.deb; }
