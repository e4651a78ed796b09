# shellcheck shell=bash
# What runs leave on an engine and in a registry that were there before. Those that were started here are removed whole.

# What the agent labels everything with that it makes on an engine.
LABEL=acre.farm

# Remembers, once, which engine and registry are somebody else's.
leftovers_remember() {
  [[ ! -e $STATE/leftovers ]] || return 0
  {
    process_alive engine || printf 'engine %s\n' "$DOCKER_HOST"
    process_alive registry || printf 'registry %s\n' "$REGISTRY"
  } >"$STATE/leftovers"
}

# leftovers_remove all|images: `images` where farms of others may be at work on the engine.
leftovers_remove() {
  local what=$1 kind address
  [[ -e $STATE/leftovers ]] || return 0
  while read -r kind address; do
    case $kind in
      engine) leftovers_of_engine "$address" "$what" ;;
      registry) leftovers_of_registry ;;
    esac
  done <"$STATE/leftovers"
}

# leftovers_of_engine ADDRESS all|images
# Images whose names lie in the registry here, which nobody else names images after, and what acre labelled.
leftovers_of_engine() {
  local -x DOCKER_HOST=$1
  daemon_answers "$DOCKER_HOST" || return 0
  say "removing what acre left on $DOCKER_HOST ($2)"
  if [[ $2 == all ]]; then
    leftovers_each "docker container rm -f" docker container ls -aq --filter "label=$LABEL"
    leftovers_each "docker network rm" docker network ls -q --filter "label=$LABEL"
    leftovers_each "docker volume rm -f" docker volume ls -q --filter "label=$LABEL"
  fi
  leftovers_each "docker image rm -f" docker image ls -q --filter "reference=$REGISTRY/samples/*"
  leftovers_each "docker image rm -f" docker image ls --format '{{.Repository}}:{{.Tag}}' --filter "reference=$REGISTRY/base"
}

# leftovers_each REMOVAL LISTING...: removes what the listing prints, if anything.
leftovers_each() {
  local removal=$1 ids
  shift
  mapfile -t ids < <("$@" | sort -u)
  # shellcheck disable=SC2086 # a command of several words
  ((${#ids[@]} == 0)) || $removal "${ids[@]}" >/dev/null || warn "some remain: ${ids[*]}"
}

leftovers_of_registry() {
  local name tag digest
  registry_answers || return 0
  for name in "$BASE_NAME" "${!WINDOWS_BASES[@]}" "$TOOLCHAIN_NAME" "$CROSS_NAME" \
    samples/{web,web-tests,release,release-cross,package}; do
    while read -r tag; do
      digest=$(registry_digest "$name" "$tag") || continue
      curl -sf -X DELETE "http://$REGISTRY/v2/$name/manifests/$digest" || warn "$REGISTRY keeps $name:$tag"
    done < <(registry_tags "$name")
  done
}
