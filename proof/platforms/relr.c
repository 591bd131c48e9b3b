// Debian 12's musl (1.2.3) leaves out the packed relative relocations (DT_RELR) that the libraries of newer Node.js
// binaries have, and such a binary crashes. Preloaded, this applies them before any other library's constructors run,
// and copies anew what the program has copied out of the libraries. Newer loaders do it themselves: with one of those
// this must not be loaded.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define PACKED_SIZE 35 // DT_RELRSZ
#define PACKED 36      // DT_RELR
#define PAGE 4096

#ifdef __aarch64__
#define COPY R_AARCH64_COPY
#else
#define COPY R_X86_64_COPY
#endif

// An entry of an object's dynamic section; 0: there is none.
static uintptr_t dynamic(const struct dl_phdr_info *info, ElfW(Sxword) tag) {
  for (int i = 0; i < info->dlpi_phnum; i++) {
    if (info->dlpi_phdr[i].p_type == PT_DYNAMIC) {
      const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
      for (; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == tag) {
          return entry->d_un.d_val;
        }
      }
    }
  }
  return 0;
}

// What is read-only after relocation has become so already.
static void make_writable(const struct dl_phdr_info *info) {
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type == PT_GNU_RELRO) {
      uintptr_t from = (info->dlpi_addr + part->p_vaddr) & ~(uintptr_t)(PAGE - 1);
      uintptr_t to = info->dlpi_addr + part->p_vaddr + part->p_memsz;
      mprotect((void *)from, to - from, PROT_READ | PROT_WRITE);
    }
  }
}

// An even word is a place; the bits of an odd one say which of the 63 words behind the last place are meant.
static int relocate(struct dl_phdr_info *info, size_t size, void *unused) {
  uintptr_t base = info->dlpi_addr;
  const uintptr_t *words = (const uintptr_t *)(base + dynamic(info, PACKED));
  size_t count = dynamic(info, PACKED_SIZE) / sizeof *words;
  uintptr_t *place = NULL;
  make_writable(info);
  for (size_t i = 0; i < count; i++) {
    if ((words[i] & 1) == 0) {
      place = (uintptr_t *)(base + words[i]);
      *place++ += base;
      continue;
    }
    for (int bit = 1; bit < 64; bit++) {
      if (words[i] >> bit & 1) {
        place[bit - 1] += base;
      }
    }
    place += 63;
  }
  return 0;
}

// The program is the first object.
static int copy_anew(struct dl_phdr_info *info, size_t size, void *unused) {
  uintptr_t base = info->dlpi_addr;
  const ElfW(Rela) *relocations = (const ElfW(Rela) *)(base + dynamic(info, DT_RELA));
  const ElfW(Sym) *symbols = (const ElfW(Sym) *)(base + dynamic(info, DT_SYMTAB));
  const char *names = (const char *)(base + dynamic(info, DT_STRTAB));
  size_t count = dynamic(info, DT_RELASZ) / sizeof *relocations;
  for (size_t i = 0; i < count; i++) {
    if (ELF64_R_TYPE(relocations[i].r_info) == COPY) {
      const ElfW(Sym) *symbol = &symbols[ELF64_R_SYM(relocations[i].r_info)];
      const void *original = dlsym(RTLD_NEXT, names + symbol->st_name);
      if (original != NULL) {
        memcpy((void *)(base + relocations[i].r_offset), original, symbol->st_size);
      }
    }
  }
  return 1;
}

__attribute__((constructor)) static void mend(void) {
  dl_iterate_phdr(relocate, NULL);
  dl_iterate_phdr(copy_anew, NULL);
}
