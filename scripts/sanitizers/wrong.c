/*
 * An addon that does what has to be reported: else the sanitizer is not there, or what it says is not read.
 */
#include <pthread.h>
#include <stdlib.h>

#ifdef __SANITIZE_THREAD__
static volatile int shared;

static void *count(void *nothing) {
  for (int turn = 0; turn < 100000; turn++) shared++;
  return nothing;
}

static void go_wrong(void) {
  pthread_t other;
  pthread_create(&other, NULL, count, NULL);
  count(NULL);
  pthread_join(other, NULL);
}
#else
static void go_wrong(void) {
  char *volatile block = malloc(8);
  free(block);
  block[1] = block[0];
}
#endif

void *napi_register_module_v1(void *environment, void *exports) {
  (void)environment;
  go_wrong();
  return exports;
}
