// What every Rust program of Windows asks for random numbers, which wine 8 lacks (Debian 12's): without it such a program
// ends with code 53 and says nothing. For tests under wine only; put into its system folder as bcryptprimitives.dll.
#include <windows.h>
#include <ntsecapi.h>

#define MOST 0x100000

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) {
  while (size > 0) {
    ULONG part = size > MOST ? MOST : (ULONG)size;
    if (!RtlGenRandom(data, part)) return FALSE;
    data += part;
    size -= part;
  }
  return TRUE;
}
