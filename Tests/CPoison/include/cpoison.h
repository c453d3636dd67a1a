#pragma once

// A descriptor by which pages of this process can be poisoned; -1 where the kernel, or its administrator, has no such
// thing.
int cpoison_open(void);

// Every access to the page at an address, a multiple of 4096, is a SIGBUS from here on, as after a memory error. What is
// behind the mapping is not touched. 0, or -1 with errno.
int cpoison_page(int descriptor, void *address);
