# shellcheck shell=bash
# wine, on which tests run programs of Windows: Debian's, with a folder of its own that stands for the disk C:.

WINE_FOLDER=$STATE/wine

# Debian keeps the program away from PATH unless its package of wrappers is installed, too.
wine_program() { printf '%s\n' /usr/lib/wine/wine64; }

wine_up() {
  [[ -x $(wine_program) ]] || packages_install wine64
  command -v x86_64-w64-mingw32-gcc >/dev/null || packages_install gcc-mingw-w64-x86-64
  state_locked wine_prepare
}

# Comes into being whole or not at all.
wine_prepare() {
  local system=drive_c/windows/system32
  [[ -e $WINE_FOLDER/ready ]] && return
  say "making wine's folder"
  rm -rf "$WINE_FOLDER"
  mkdir -p "$WINE_FOLDER"
  WINEPREFIX=$WINE_FOLDER WINEARCH=win64 WINEDEBUG=-all "$(wine_program)" wineboot --init >&2 8>&- 9>&-
  x86_64-w64-mingw32-gcc -shared -O2 -s -o "$WINE_FOLDER/$system/bcryptprimitives.dll" "$INFRA/lib/process_prng.c" -ladvapi32
  touch "$WINE_FOLDER/ready"
}

# What tests need to know, as shell text.
wine_environment() {
  printf 'export ACRE_TEST_WINE=%q\n' "$(wine_program)"
  printf 'export WINEPREFIX=%q WINEDEBUG=-all\n' "$WINE_FOLDER"
}
