// Wine 8 has no bcryptprimitives.dll, whose one function Rust's library takes its random numbers from: this one has it
// from where Wine has them.

#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG bytes);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T bytes) {
  return SystemFunction036(buffer, (ULONG)bytes);
}
