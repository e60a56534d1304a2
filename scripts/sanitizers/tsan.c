/*
 * Rust calls these where memory is copied or cleared. The ThreadSanitizer of GCC does not have them: it watches memcpy() and its relatives
 * themselves, so passing the call on is all there is to do. Compiled with -fno-builtin, or they would call themselves.
 */
#include <string.h>

void *__tsan_memcpy(void *to, const void *from, size_t length) { return memcpy(to, from, length); }
void *__tsan_memmove(void *to, const void *from, size_t length) { return memmove(to, from, length); }
void *__tsan_memset(void *to, int value, size_t length) { return memset(to, value, length); }
