/* OpenMP's threads, two of which may have been put on one processor.
 *
 * A thread that is woken starts where it was, or where the one is that woke it. Since threads spin
 * for one another, the system sees two busy threads of one processor and may leave them there for
 * a hundred milliseconds, while another processor is idle: a pass then takes twice as long.
 *
 * A thread is moved by allowing it its new processor only, and then again all that it had: nothing
 * stays pinned, and what the user has pinned cannot move.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getcpu */
#endif
#include "spread.h"

#if defined(_OPENMP) && defined(__linux__)

#include <omp.h>
#include <sched.h>

enum { MOST_THREADS = 64 }; /* beyond, threads are left where they are */

/* Move the calling thread, the `turn`-th of those to be moved, to a processor that is free. */
static int move(const cpu_set_t *taken, int turn) {
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || CPU_ISSET(cpu, taken) || turn-- > 0) continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof one, &one) != 0) return 0;
        sched_setaffinity(0, sizeof allowed, &allowed);
        return 1;
    }
    return 0;
}

int acy_spread_threads(int threads) {
    int places[MOST_THREADS], moved = 0;
    if (threads < 2 || threads > MOST_THREADS) return 0;
#pragma omp parallel num_threads(threads) reduction(+ : moved)
    {
        const int me = omp_get_thread_num(), n = omp_get_num_threads();
        places[me] = sched_getcpu();
#pragma omp barrier
        cpu_set_t taken;
        int shares = 0, turn = 0;
        CPU_ZERO(&taken);
        for (int i = 0; i < n; i++) {
            if (places[i] < 0 || places[i] >= CPU_SETSIZE) continue;
            const int second = CPU_ISSET(places[i], &taken) != 0;
            if (i == me) shares = second;
            if (i < me) turn += second;
            CPU_SET(places[i], &taken);
        }
        if (shares) moved += move(&taken, turn);
    }
    return moved;
}

#else

int acy_spread_threads(int threads) {
    (void)threads;
    return 0;
}

#endif
