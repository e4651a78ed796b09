# Links on disk: $APP_DATA/links/CODE holds the address, $APP_DATA/hits/CODE a line for each visit.
# One small append is atomic, so visits at the same time are all counted without a lock.

address_limit=2048

# Succeeds for an http(s) address of RFC 3986 characters only, which therefore needs no escaping in JSON or headers.
link_is_valid() {
  [ "${#1}" -le "$address_limit" ] || return 1
  case $1 in
    *[!A-Za-z0-9._~:/?#@\!\$\&\'\(\)*+,\;=%-]*) return 1 ;;
    http://?* | https://?*) return 0 ;;
    *) return 1 ;;
  esac
}

code_is_valid() {
  case $1 in
    *[!0-9a-f]*) return 1 ;;
    ????????) return 0 ;;
    *) return 1 ;;
  esac
}

# The same address always has the same code.
link_code() { printf '%s' "$1" | sha256sum | cut -c 1-8; }

# Keeps an address under its code; fails if the code is taken by another one.
link_put() {
  if [ -e "$APP_DATA/links/$1" ]; then
    [ "$(cat "$APP_DATA/links/$1")" = "$2" ]
    return
  fi
  printf '%s\n' "$2" >"$APP_DATA/links/.$1.$$" && mv "$APP_DATA/links/.$1.$$" "$APP_DATA/links/$1"
}

link_hit() { echo >>"$APP_DATA/hits/$1"; }

link_json() {
  hits=0
  [ ! -e "$APP_DATA/hits/$1" ] || hits=$(wc -l <"$APP_DATA/hits/$1")
  printf '{"code":"%s","url":"%s","hits":%d}' "$1" "$(cat "$APP_DATA/links/$1")" "$hits"
}
