/* Preloaded into a program, puts its clock ahead (or, below zero, behind) by CLOCK_AHEAD_SECONDS.

   What asks for the time of day is answered otherwise, and who waits on a condition until such a time is woken in time.
   Measured time and timers stay right. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>

typedef int (*clock_gettime_fn)(clockid_t, struct timespec *);

static clock_gettime_fn real_clock_gettime;
static time_t ahead;

__attribute__((constructor)) static void begin(void) {
  const char *seconds = getenv("CLOCK_AHEAD_SECONDS");
  ahead = seconds ? (time_t)atol(seconds) : 0;
  real_clock_gettime = (clock_gettime_fn)dlsym(RTLD_NEXT, "clock_gettime");
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  /* Another library's constructor may come before ours. */
  if (!real_clock_gettime)
    begin();
  int result = real_clock_gettime(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += ahead;
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec precise;
  int result = clock_gettime(CLOCK_REALTIME, &precise);
  if (result == 0) {
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
  }
  return result;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
  /* A condition does not tell its clock, but measured time counts from the start of the machine and never gets so far. */
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (until->tv_sec < now.tv_sec / 2)
    return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, until);
  struct timespec really = {until->tv_sec - ahead, until->tv_nsec};
  return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &really);
}

/* C11's conditions, which librdkafka waits on, are pthread's in glibc, but don't call the above. */
int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until) {
  switch (pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until)) {
  case 0:
    return thrd_success;
  case ETIMEDOUT:
    return thrd_timedout;
  default:
    return thrd_error;
  }
}

int timespec_get(struct timespec *now, int base) {
  return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0;
}

time_t time(time_t *seconds) {
  struct timespec precise;
  if (clock_gettime(CLOCK_REALTIME_COARSE, &precise) != 0)
    return (time_t)-1;
  if (seconds)
    *seconds = precise.tv_sec;
  return precise.tv_sec;
}
