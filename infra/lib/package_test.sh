# shellcheck shell=bash
# Tries the Debian packages on a fresh Debian that is booted (guest.sh), whose agent works on this machine's engine:
# install, a run, upgrade while a run is at work, remove, install once more, purge.

PACKAGE_FARM=unix:/run/acre/farm.sock
# Agents reach the scheduler on the loopback that the guest and this machine share.
PACKAGE_ADDRESS=127.0.0.1:17446
PACKAGE_ENGINE=/srv/engine/docker.sock
PACKAGE_OLD=$STATE/package/old
PACKAGE_NEW=$STATE/package/new
PACKAGE_IMAGE=samples/package
# How long the step goes on that an upgrade has to wait for.
PACKAGE_STEP_SECONDS=6

# package_expect WHAT COMMAND...: WHAT is so if the command, on the guest, succeeds.
package_expect() {
  local what=$1
  shift
  guest_run "$@" >"$STATE/package/said" 2>&1 || {
    cat "$STATE/package/said" >&2
    guest_run journalctl --no-pager --lines 40 --unit 'acre-*' >&2 || true
    die "not so: $what ($*)"
  }
}

# package_expect_not WHAT COMMAND...
package_expect_not() { package_expect "$1" sh -c '! "$@"' - "${@:2}"; }

# package_await WHAT COMMAND...: becomes so within a minute.
package_await() {
  process_wait 60 guest_run "${@:2}" || package_expect "$@"
}

package_farm() { guest_run acre --farm "$PACKAGE_FARM" "$@"; }

# package_install FOLDER: as a person would, with apt.
package_install() {
  as_root rm -rf "$GUEST/srv/packages"
  as_root cp -r "$1" "$GUEST/srv/packages"
  package_expect "apt installs the packages of ${1##*/}" \
    sh -c 'apt-get install -y -q --no-install-recommends -o Dpkg::Options::=--force-confold /srv/packages/*.deb'
}

package_test() {
  as_root mkdir -p "$STATE/package/engine"
  guest_up --bind="$STATE/package/engine:${PACKAGE_ENGINE%/*}"
  package_test_install
  package_test_join
  package_test_run before
  package_test_reload
  package_test_upgrade
  package_test_run after
  package_test_remove
  package_test_purge
  say "the packages do what they should"
}

package_test_end() {
  local code=$?
  process_stop guest-engine 5
  guest_down
  as_root rm -rf --one-file-system "$STATE/package"
  machine_release
  exit "$code"
}

# The same programs twice, under two versions. They are packed fast, not small, and without what debuggers need.
package_test_make() {
  local -x ACRE_DEB_COMPRESSION="-Zgzip -z1" DEB_BUILD_OPTIONS=noautodbgsym
  as_root rm -rf --one-file-system "$STATE/package"
  package_make "$(package_version)" "$PACKAGE_OLD"
  package_check "$PACKAGE_OLD"
  package_make "$(package_version)+upgrade" "$PACKAGE_NEW"
}

package_test_install() {
  local file
  say "installing"
  package_install "$PACKAGE_OLD"
  package_expect "the scheduler's service runs" systemctl is-active acre-scheduler
  package_expect "and starts with the machine" systemctl is-enabled acre-scheduler
  package_expect_not "an agent without a farm does not run" systemctl is-active acre-agent
  package_expect_not "which is no failure" systemctl is-failed acre-agent acre-scheduler
  package_expect "the units are well-formed" systemd-analyze verify --man=no acre-scheduler.service acre-agent.service
  for file in alerts.yaml dashboard.json prometheus.yaml; do
    package_expect "$file is among the examples" test -s "/usr/share/doc/acre-scheduler/examples/watch/$file"
  done
  package_test_owners
  package_test_files scheduler
  package_test_files agent
}

package_test_owners() {
  local line
  for line in "/var/lib/acre-scheduler _acre-scheduler 700" "/var/lib/acre-agent _acre-agent 700" "/etc/acre root 755" \
    "/etc/acre/scheduler.env root 644" "/run/acre _acre-scheduler 755" "/run/acre/farm.sock _acre-scheduler 600"; do
    # shellcheck disable=SC2016 # expanded in the guest
    package_expect "owner and mode: $line" sh -c 'test "$(stat --format "%n %U %a" "$1")" = "$2"' - "${line%% *}" "$line"
  done
}

# package_test_files PROGRAM: its configuration names each of its options, and its unit confines it.
package_test_files() {
  local program=acre-$1 file=/etc/acre/$1.env option exposure
  while read -r option; do
    package_expect "$file has $option" grep -q "^#\?$option=" "$file"
  done < <(guest_run "$program" --help | sed -n 's/.*\[env: \([A-Z_]*\)=.*/\1/p')
  # systemd's own measure, from 0.0 (all is closed) to 10.0.
  exposure=$(guest_run systemd-analyze security --no-pager "$program" | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p')
  [[ $exposure == [01].* ]] || die "$program.service is more exposed than it was: $exposure"
  say "$program.service: exposure $exposure"
}

package_test_join() {
  say "making a farm of it: CA, address, token"
  package_test_engine
  package_expect "the farm's CA is made" runuser -u _acre-scheduler -- acre-scheduler init --data /var/lib/acre-scheduler
  package_expect "the scheduler is told" sed -i \
    -e "s|^\(ACRE_SCHEDULER_LISTEN=.*\)|\1,$PACKAGE_ADDRESS|" -e 's|^#\(ACRE_SCHEDULER_NAME=\).*|\1localhost,127.0.0.1|' \
    /etc/acre/scheduler.env
  package_expect "the scheduler starts with it" systemctl restart acre-scheduler
  # shellcheck disable=SC2016 # expanded in the guest
  package_expect "a token is made" sh -c \
    'umask 077 && acre --farm "$1" agents token --ttl 5m >/etc/acre/agent.token && chown _acre-agent /etc/acre/agent.token' \
    - "$PACKAGE_FARM"
  package_expect "the agent is told" sed -i \
    -e "s|^#\(ACRE_AGENT_FARM=\).*|\1https://$PACKAGE_ADDRESS|" -e 's|^#\(ACRE_AGENT_ID=\).*|\1packaged|' \
    -e "s|^#\(DOCKER_HOST=\).*|\1unix://$PACKAGE_ENGINE|" /etc/acre/agent.env
  package_expect "the agent's service starts" systemctl restart acre-agent
  package_test_agent
  package_expect "the token is of no use any more" rm /etc/acre/agent.token
}

# The machine's engine, at a socket that the guest's group `docker` may open, as an engine of its own would have it.
package_test_engine() {
  local group
  group=$(guest_run getent group docker | cut -d : -f 3)
  process_start guest-engine socat "UNIX-LISTEN:$STATE/package/engine/docker.sock,fork,unlink-early,mode=660,group=$group" \
    "UNIX-CONNECT:${DOCKER_HOST#unix://}"
  process_ready guest-engine 10 daemon_answers "unix://$STATE/package/engine/docker.sock"
}

package_test_agent() {
  process_wait 60 package_agent_is_ready || {
    guest_run journalctl --no-pager --lines 40 --unit 'acre-*' >&2
    die "the farm does not have the agent"
  }
}

package_agent_is_ready() {
  local agents
  agents=$(package_farm agents -o json) && python3 "$INFRA/lib/agents_ready.py" packaged <<<"$agents"
}

# package_test_run NAME: builds, pushes and runs an image, so that all of the way is gone once.
package_test_run() {
  say "a run, $1 the upgrade"
  as_root mkdir -p "$GUEST/srv/source"
  printf 'FROM %s\nRUN echo %s >/made\n' "$BASE" "$1" | as_root tee "$GUEST/srv/source/Dockerfile" >/dev/null
  as_root tee "$GUEST/srv/source/acb.yaml" >/dev/null <<YAML
version: v1.1.0
steps:
  - build: -t {{.Run.Registry}}/$PACKAGE_IMAGE:{{.Run.ID}} .
  - push: ["{{.Run.Registry}}/$PACKAGE_IMAGE:{{.Run.ID}}"]
  - cmd: {{.Run.Registry}}/$PACKAGE_IMAGE:{{.Run.ID}} grep -x {{.Values.made}} /made
YAML
  package_expect "the run succeeds" acre --farm "$PACKAGE_FARM" run --registry "$REGISTRY" --set made="$1" /srv/source
}

# What may change is taken by the programs that run.
package_test_reload() {
  local scheduler agent
  scheduler=$(package_pid acre-scheduler) agent=$(package_pid acre-agent)
  say "changing the configuration, and reloading it"
  package_expect "the agent is told of its place" sh -c 'echo ACRE_AGENT_LABEL=place=reloaded >>/etc/acre/agent.env'
  package_expect "the scheduler is told what to keep" sh -c 'echo ACRE_SCHEDULER_KEEP_RUNS=77 >>/etc/acre/scheduler.env'
  package_expect "both are reloaded" systemctl reload acre-agent acre-scheduler
  package_await "the farm knows the place" sh -c "acre --farm $PACKAGE_FARM agents -o json | grep reloaded"
  package_await "the scheduler has read it" sh -c "journalctl --no-pager -u acre-scheduler | grep 'read again.*--keep-runs'"
  [[ $(package_pid acre-scheduler) == "$scheduler" && $(package_pid acre-agent) == "$agent" ]] ||
    die "a program that was to be reloaded is another one"
}

# Both services are started anew; the agent lets its step finish first.
package_test_upgrade() {
  local run scheduler agent
  scheduler=$(package_pid acre-scheduler) agent=$(package_pid acre-agent)
  say "upgrading, while a step is at work"
  run=$(package_farm run --no-wait --registry "$REGISTRY" \
    --cmd "$BASE sh -c 'echo begun; sleep $PACKAGE_STEP_SECONDS; echo ended'" /dev/null 2>&1 |
    sed -n 's/.*Queued a run with ID: \([0-9a-z]*\).*/\1/p')
  package_await "the step begins" sh -c "acre --farm $PACKAGE_FARM logs $run | grep begun"
  package_install "$PACKAGE_NEW"
  package_expect "the new version is there" sh -c "dpkg-query --show acre-agent | grep upgrade"
  [[ $(package_pid acre-scheduler) != "$scheduler" ]] || die "the scheduler is the one of before"
  [[ $(package_pid acre-agent) != "$agent" ]] || die "the agent is the one of before"
  package_test_agent
  package_await "the step has ended well, at its first attempt" \
    sh -c "acre --farm $PACKAGE_FARM show $run -o json >/srv/run && grep Succeeded /srv/run && ! grep '\"attempt\": 2' /srv/run"
  package_expect "configuration is kept" grep -q "^ACRE_AGENT_FARM=https://$PACKAGE_ADDRESS" /etc/acre/agent.env
}

package_pid() { guest_run systemctl show --value --property MainPID "$1"; }

package_test_remove() {
  say "removing"
  package_expect "apt removes the packages" apt-get remove -y -q acre acre-scheduler acre-agent
  package_expect_not "no program is left" sh -c 'ls /usr/bin/acre*'
  package_expect_not "no process is left" sh -c 'grep -l acre /proc/[0-9]*/comm'
  package_expect "configuration and state stay" \
    sh -c 'test -e /etc/acre/agent.env && test -e /var/lib/acre-scheduler/ca/ca.key && test -e /var/lib/acre-agent/membership.json'
  package_install "$PACKAGE_NEW"
  package_test_agent
  package_expect "installed again, the farm has its runs" sh -c "test \$(acre --farm $PACKAGE_FARM list -o json | grep -c Succeeded) -ge 3"
}

package_test_purge() {
  say "purging"
  package_expect "apt purges the packages" apt-get purge -y -q acre acre-scheduler acre-agent
  package_expect_not "no state, no configuration" sh -c 'ls -d /etc/acre /var/lib/acre* /run/acre'
  package_expect_not "no users" grep acre /etc/passwd
  package_expect_not "no units" sh -c 'systemctl list-unit-files | grep acre'
  # But for what this test put there, logs, and what the command keeps for its user.
  package_expect_not "nothing else" sh -c "find / -xdev -path /srv -prune -o -path \"\$HOME\" -prune -o -path /var/log -prune \\
    -o -path /var/cache -prune -o -name '*acre*' -print | grep ."
}
