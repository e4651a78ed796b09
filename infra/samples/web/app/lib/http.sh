# Answers of a CGI program (RFC 3875, section 6).

# reply STATUS TYPE [HEADER]...; the body follows on standard input.
reply() {
  printf 'Status: %s\r\nContent-Type: %s\r\nCache-Control: no-store\r\n' "$1" "$2"
  shift 2
  for header in "$@"; do
    printf '%s\r\n' "$header"
  done
  printf '\r\n'
  cat
}

reply_json() {
  status=$1
  shift
  reply "$status" application/json "$@"
}

# refuse STATUS MESSAGE: ends the program with an error that a client can read.
refuse() {
  printf '{"error":"%s"}\n' "$2" | reply_json "$1"
  exit 0
}

# The value of a field of the form in the request's body (application/x-www-form-urlencoded).
form_field() {
  body_limit=8192
  [ "${CONTENT_LENGTH:-0}" -le "$body_limit" ] || refuse "413 Content Too Large" "body longer than $body_limit bytes"
  raw=$(head -c "${CONTENT_LENGTH:-0}" | tr '&' '\n' | sed -n "s/^$1=//p" | head -n 1)
  httpd -d "$raw"
}
