# shellcheck shell=bash
# wine, on which tests run programs of Windows: Debian's, with a folder of its own that stands for the disk C:.

WINE_FOLDER=$STATE/wine

# Debian keeps the program away from PATH unless its package of wrappers is installed, too.
wine_program() { printf '%s\n' /usr/lib/wine/wine64; }

wine_compiler() { x86_64-w64-mingw32-gcc -O2 -s "$@"; }

wine_up() {
  [[ -x $(wine_program) ]] || packages_install wine64
  command -v x86_64-w64-mingw32-gcc >/dev/null || packages_install gcc-mingw-w64-x86-64
  state_locked wine_start
}

wine_start() {
  [[ -e $WINE_FOLDER/ready ]] || wine_prepare
  process_alive wine || wine_keep
}

# Comes into being whole or not at all.
wine_prepare() {
  local system=drive_c/windows/system32
  say "making wine's folder"
  rm -rf "$WINE_FOLDER"
  mkdir -p "$WINE_FOLDER"
  # Its services outlive it for a moment, with its output.
  WINEPREFIX=$WINE_FOLDER WINEARCH=win64 WINEDEBUG=-all "$(wine_program)" wineboot --init >"$STATE/wineboot.log" 2>&1 8>&- 9>&-
  wine_compiler -shared -o "$WINE_FOLDER/$system/bcryptprimitives.dll" "$INFRA/lib/process_prng.c" -ladvapi32
  wine_compiler -o "$WINE_FOLDER/keeper.exe" "$INFRA/lib/wine_keeper.c"
  touch "$WINE_FOLDER/ready"
}

wine_keep() {
  say "starting wine"
  wine_process_start wine "$WINE_FOLDER/keeper.exe"
  process_ready wine 60 wine_answers
}

# What asks first starts wine's services, which outlive it with its descriptors.
wine_answers() { WINEPREFIX=$WINE_FOLDER WINEDEBUG=-all "$(wine_program)" cmd /c exit 8>&- 9>&-; }

# wine_process_start NAME PROGRAM ARGUMENT...: a program of Windows, in the background. wine takes no folder of another
# user's.
wine_process_start() {
  local name=$1
  shift
  process_start "$name" setpriv --reuid "$EUID" --regid "$(id -g)" --init-groups env HOME="$HOME" \
    WINEPREFIX="$WINE_FOLDER" WINEDEBUG=-all "$(wine_program)" "$@"
}

wine_down() { process_stop wine 10; }

# What tests need to know, as shell text.
wine_environment() {
  printf 'export ACRE_TEST_WINE=%q\n' "$(wine_program)"
  printf 'export WINEPREFIX=%q WINEDEBUG=-all\n' "$WINE_FOLDER"
}
