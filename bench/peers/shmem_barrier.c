// SPDX-License-Identifier: Apache-2.0
// Measures the OpenSHMEM barrier for bench/barrier.cpp. Prints a JSON list with the mean time of a
// barrier in each batch, in microseconds.
#include <shmem.h>
#include <stdio.h>
#include <time.h>

enum { kBatches = 10, kBarriers = 200 };

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

int main(void) {
  double times[kBatches + 1];
  shmem_init();
  for (int i = 0; i <= kBatches; ++i) {
    const double start = now();
    for (int k = 0; k < kBarriers; ++k) shmem_barrier_all();
    times[i] = (now() - start) / kBarriers;
  }
  if (shmem_my_pe() == 0)
    for (int i = 1; i <= kBatches; ++i)  // The first batch is a warm-up.
      printf("%s%.4f%s", i == 1 ? "[" : ",", times[i], i == kBatches ? "]\n" : "");
  fflush(stdout);
  shmem_finalize();
  return 0;
}
