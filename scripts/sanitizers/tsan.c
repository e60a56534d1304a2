/*
 * What ThreadSanitizer needs beside GCC's library, in a process that is not built with it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void __sanitizer_set_report_fd(void *fd);

/*
 * Rust calls these where memory is copied or cleared. GCC's library does not have them: it watches memcpy() and its relatives themselves, so
 * passing the call on is all there is to do. Compiled with -fno-builtin, or they would call themselves.
 */
void *__tsan_memcpy(void *to, const void *from, size_t length) { return memcpy(to, from, length); }
void *__tsan_memmove(void *to, const void *from, size_t length) { return memmove(to, from, length); }
void *__tsan_memset(void *to, int value, size_t length) { return memset(to, value, length); }

/*
 * Reports go to a file that is open from the start. Opened at the first report, as with log_path, its descriptor would look like one that the
 * addon has left open.
 */
__attribute__((constructor)) static void begin(void) {
  char path[4096];
  const char *directory = getenv("TSAN_REPORTS");
  if (directory == NULL) return;
  snprintf(path, sizeof path, "%s/report.%s.%d", directory, program_invocation_short_name, getpid());
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file >= 0) __sanitizer_set_report_fd((void *)(long)file);
}
