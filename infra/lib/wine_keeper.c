// A program that never ends. As long as one runs under wine, wine's own services run, too; else the first program of a
// test would start them, they would have its standard output, and whoever reads that would wait for them.
#include <windows.h>

int main(void) {
  Sleep(INFINITE);
  return 0;
}
