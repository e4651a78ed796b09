# shellcheck shell=bash
# Words for the person in front of the terminal. All of it goes to stderr, so that stdout stays for answers.

say() { printf '==> %s\n' "$*" >&2; }

warn() { printf '==> warning: %s\n' "$*" >&2; }

# Ends the script: what is wrong, and what would be right.
die() {
  printf '==> error: %s\n' "$*" >&2
  exit 1
}
