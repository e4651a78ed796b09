# shellcheck disable=SC2034 # read by cases.sh
# HTTP by hand over nc, since busybox wget follows redirections and hides the status.
# After a request: $status, $headers, $body.

exchange() {
  answer=$(timeout 10 nc "${TARGET%:*}" "${TARGET##*:}" | tr -d '\r')
  status=$(printf '%s\n' "$answer" | sed -n '1s/^HTTP\/[0-9.]* \([0-9]*\).*/\1/p')
  headers=$(printf '%s\n' "$answer" | sed '/^$/q')
  body=$(printf '%s\n' "$answer" | sed '1,/^$/d')
}

# get PATH
get() { request GET "$1" ''; }

# post PATH BODY
post() { request POST "$1" "$2"; }

# request METHOD PATH BODY
request() {
  exchange <<REQUEST
$(printf '%s %s HTTP/1.0\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\n' "$1" "$2" "$TARGET")
$(printf 'Content-Length: %d\r' "${#3}")
$(printf '\r')
$3
REQUEST
}

header() { printf '%s\n' "$headers" | sed -n "s/^$1: //p"; }

# field NAME: of a flat JSON object in $body.
field() { printf '%s\n' "$body" | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }

# equal WHAT EXPECTED ACTUAL
equal() {
  [ "$2" = "$3" ] || {
    printf '%s: expected "%s", got "%s"\n%s\n' "$1" "$2" "$3" "$answer"
    exit 1
  }
}

# contains WHAT EXPECTED ACTUAL
contains() {
  case $3 in
    *"$2"*) ;;
    *)
      printf '%s: expected to find "%s" in "%s"\n' "$1" "$2" "$3"
      exit 1
      ;;
  esac
}
