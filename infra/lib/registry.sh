# shellcheck shell=bash
# An image registry on this machine: the one that answers there, else docker-registry, with its storage in the state
# directory, deletes enabled, plain http (engines allow that for loopback addresses).

REGISTRY=127.0.0.1:5000

registry_status() { curl -s -o /dev/null -w '%{http_code}' --max-time 5 "http://$REGISTRY/v2/"; }

registry_answers() { [[ $(registry_status) == 200 ]]; }

registry_up() {
  local status
  status=$(registry_status) || status=none
  case $status in
    200) ;;
    none) registry_start ;;
    *) die "what listens at $REGISTRY answers /v2/ with $status instead of 200; a registry without login is needed there" ;;
  esac
}

registry_start() {
  local program
  program=$(registry_program)
  say "starting a registry at $REGISTRY"
  process_stop registry 10
  registry_configuration >"$STATE/registry.yml"
  process_start registry "$program" serve "$STATE/registry.yml"
  process_ready registry 20 registry_answers
}

# Unpacked rather than installed where it is missing: the package starts a service with a login at the same address.
registry_program() {
  local architecture
  if command -v docker-registry; then
    return
  fi
  architecture=$(dpkg --print-architecture)
  if [[ ! -x $STATE/registry-package/$architecture/usr/bin/docker-registry ]]; then
    say "fetching docker-registry"
    foreign_fetch "$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")" "$STATE/registry-package" "docker-registry:$architecture"
  fi
  printf '%s\n' "$STATE/registry-package/$architecture/usr/bin/docker-registry"
}

registry_configuration() {
  cat <<YAML
version: 0.1
log:
  level: warn
storage:
  filesystem: {rootdirectory: "$STATE/registry"}
  delete: {enabled: true}
http:
  addr: $REGISTRY
YAML
}

registry_down() { process_stop registry 20; }

# registry_digest REPOSITORY REFERENCE: what the registry says it is (OCI distribution spec, "Checking if content exists").
registry_digest() {
  curl -sfI --max-time 10 "http://$REGISTRY/v2/$1/manifests/$2" \
    -H 'Accept: application/vnd.oci.image.index.v1+json' \
    -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
    -H 'Accept: application/vnd.docker.distribution.manifest.list.v2+json' \
    -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' |
    sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: \(sha256:[0-9a-f]*\).*/\1/p'
}

# registry_tags REPOSITORY: one a line; nothing where there is none.
registry_tags() {
  curl -sf --max-time 10 "http://$REGISTRY/v2/$1/tags/list" |
    python3 -c 'import json, sys; print(*(json.load(sys.stdin)["tags"] or []), sep="\n")' 2>/dev/null || true
}
