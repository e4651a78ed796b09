# shellcheck disable=SC2154 # set by run and http.sh
# What the web application promises, a function for each promise. $place is an address that no earlier run has used.

case_page_is_served() {
  get /
  equal status 200 "$status"
  contains page '<form id="form">' "$body"
  case $body in *@TITLE@*) equal title rendered @TITLE@ ;; esac
}

case_health_tells_the_version() {
  get /cgi-bin/health
  equal status 200 "$status"
  equal health ok "$(field status)"
  equal version "${EXPECT_VERSION:-$(field version)}" "$(field version)"
}

case_link_is_made_and_followed() {
  post /cgi-bin/links "url=$place%2Fa%3Fb%3Dc"
  equal status 201 "$status"
  equal url "$place/a?b=c" "$(field url)"
  link=$(header Location)
  get "$link"
  equal status 302 "$status"
  equal location "$place/a?b=c" "$(header Location)"
}

case_code_is_that_of_the_address() {
  post /cgi-bin/links "url=$place/stable"
  equal code "$(printf '%s' "$place/stable" | sha256sum | cut -c 1-8)" "$(field code)"
}

case_same_address_gives_same_code() {
  post /cgi-bin/links "url=$place/twice"
  equal status 201 "$status"
  code=$(field code)
  post /cgi-bin/links "url=$place/twice"
  equal status 200 "$status"
  equal code "$code" "$(field code)"
}

case_visits_at_the_same_time_are_all_counted() {
  post /cgi-bin/links "url=$place/counted"
  path=$(header Location)
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    get "$path" &
  done
  wait
  post /cgi-bin/links "url=$place/counted"
  equal hits 10 "$(field hits)"
}

case_list_names_every_link() {
  post /cgi-bin/links "url=$place/listed"
  get /cgi-bin/links
  equal status 200 "$status"
  contains list "\"url\":\"$place/listed\"" "$body"
}

case_address_of_another_scheme_is_refused() {
  post /cgi-bin/links 'url=javascript:alert(1)'
  equal status 400 "$status"
  contains error 'http or https' "$(field error)"
}

case_address_that_would_break_out_is_refused() {
  post /cgi-bin/links 'url=http://example.org/%22%0d%0aSet-Cookie:%20a=b'
  equal status 400 "$status"
  equal cookie '' "$(header Set-Cookie)"
}

case_unknown_code_is_not_found() {
  get /cgi-bin/go/00000000
  equal status 404 "$status"
}

case_code_with_a_path_is_refused() {
  get /cgi-bin/go/../../../etc/passwd
  case $status in 400 | 403 | 404) ;; *) equal status '400, 403 or 404' "$status" ;; esac
}

case_other_method_is_refused() {
  request PUT /cgi-bin/links url=http://example.org/
  case $status in 405 | 501) ;; *) equal status '405 or 501' "$status" ;; esac
}
