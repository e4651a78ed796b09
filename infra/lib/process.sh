# shellcheck shell=bash
# Background processes that a script started: recorded by pid, start time and boot, so that a pid that was given to
# somebody else in the meantime is never taken for ours. Not by name or command line: those read as empty, or as the
# shell's, while the process is about to execute its program.

# process_wait SECONDS COMMAND...: until the command succeeds; fails after the deadline.
process_wait() {
  local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
  shift
  until "$@" >/dev/null 2>&1; do
    ((${EPOCHREALTIME/[.,]/} < deadline)) || return 1
    sleep 0.05
  done
}

# Field 22 of /proc/PID/stat (proc(5)), counted behind the name, which may hold blanks; nothing if the pid is free.
process_start_time() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # shellcheck disable=SC2086 # split into fields on purpose
  set -- ${stat##*) }
  [[ $1 != Z ]] && printf '%s\n' "${20}"
}

# Start times count from the boot, which this names.
process_boot() { cat /proc/sys/kernel/random/boot_id; }

# process_start NAME PROGRAM ARGUMENT...: as root, in a session of its own, output to STATE/NAME.log.
process_start() {
  local name=$1 pid start
  shift
  # shellcheck disable=SC2016 # expanded by the inner shell
  pid=$(as_root bash -c 'setsid "${@:2}" >"$1" 2>&1 </dev/null 8>&- 9>&- & echo $!' - "$STATE/$name.log" "$@")
  start=$(process_start_time "$pid") || start=gone
  printf '%s %s %s\n' "$pid" "$start" "$(process_boot)" >"$STATE/processes/$name"
}

# The pid that was recorded under a name, if it still is that process.
process_pid() {
  local pid start boot
  [[ -f $STATE/processes/$1 ]] || return 1
  read -r pid start boot <"$STATE/processes/$1"
  [[ $boot == "$(process_boot)" && $(process_start_time "$pid") == "$start" ]] && printf '%s\n' "$pid"
}

process_alive() { process_pid "$1" >/dev/null; }

process_dead() { ! process_alive "$1"; }

# process_ready NAME SECONDS COMMAND...: until it answers; says why if it ends before or never does.
process_ready() {
  local name=$1 seconds=$2
  shift 2
  process_wait "$seconds" process_settled "$name" "$@" || {
    tail -n 20 "$STATE/$name.log" >&2
    die "$name does not answer after $seconds s; its log is $STATE/$name.log"
  }
  process_alive "$name" || {
    tail -n 20 "$STATE/$name.log" >&2
    die "$name ended while it started; its log is $STATE/$name.log"
  }
}

process_settled() {
  process_dead "$1" || "${@:2}"
}

# By the shell's own kill: the program is in a package (procps) that a small Debian lacks.
process_signal() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  as_root bash -c 'kill -s "$1" "$2"' - "$1" "$2"
}

# process_stop NAME SECONDS: asks it to end, and kills it only if it does not.
process_stop() {
  local pid
  if pid=$(process_pid "$1"); then
    say "stopping $1 (pid $pid)"
    process_signal TERM "$pid"
    process_wait "$2" process_dead "$1" || process_signal KILL "$pid"
  fi
  rm -f "$STATE/processes/$1"
}
