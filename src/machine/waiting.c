/* OpenMP's threads, and other programs that want the same processors.
 *
 * GNU's OpenMP lets a thread that waits for another one spin for some milliseconds before it
 * sleeps (GOMP_SPINCOUNT: 300,000 rounds). On a quiet machine that is right: the other thread is
 * about to come, and sleeping and waking would cost a pass a tenth of its time. On a busy machine
 * the other thread has often lost its processor to another program, and a thread that spins for it
 * uses up the very time it would need: a pass can take fifty times as long.
 *
 * The count is read once, when the library is loaded, and cannot be changed. But the library spins
 * for 100 rounds only while it manages more threads than there are processors (libgomp,
 * config/linux/wait.h, do_spin). So while the machine is busy, this file keeps a second team
 * asleep, large enough to be one too many.
 *
 * Who asks for passes has to say which were held up (alexnet_cy/engine/run/pace.py) and when others
 * no longer want the processors (alexnet_cy/machine/left_processors.py). What the user has set is
 * left alone.
 */
#include "waiting.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

long acy_involuntary_switches(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw : 0;
}

#if defined(_OPENMP) && defined(__GNUC__) && !defined(__clang__)

#include <omp.h>

/* How disturbed the machine is. A pass takes 1 away, but one that was held up adds HELD_UP: two of
 * these within eight passes reach ENOUGH, and the team is put to sleep. */
enum { HELD_UP = 8, ENOUGH = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t let_go = PTHREAD_COND_INITIALIZER;
static int disturbance;  /* 0 to ENOUGH */
static int wanted;       /* whether a team should be asleep */
static int parked;       /* whether the thread that leads it is there */
static int team_threads; /* how many threads it has */

/* Whether the user has said how threads wait. */
static int user_has_chosen(void) {
    return getenv("OMP_WAIT_POLICY") != NULL || getenv("GOMP_SPINCOUNT") != NULL;
}

/* Lead a team that does nothing; its threads stay in the library's pool until this one ends. */
static void *lead_idle_team(void *unused) {
    int arrived = 0;
    (void)unused;
#pragma omp parallel num_threads(team_threads)
    {
#pragma omp atomic
        arrived++; /* without anything to do, the compiler drops the region */
    }
    pthread_mutex_lock(&lock);
    while (wanted) pthread_cond_wait(&let_go, &lock);
    parked = 0;
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* `acy_waits_briefly` reads it without the lock. */
static void set_wanted(int value) { __atomic_store_n(&wanted, value, __ATOMIC_RELAXED); }

static void park(int threads) {
    pthread_attr_t attributes;
    pthread_t leader;
    int spare = omp_get_num_procs() - threads;
    if (user_has_chosen()) return;
    if (parked) { /* it has been let go, and has not gone yet */
        set_wanted(1);
        return;
    }
    if (pthread_attr_init(&attributes) != 0) return;
    team_threads = (spare > 0 ? spare : 0) + 2;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    set_wanted(1);
    parked = pthread_create(&leader, &attributes, lead_idle_team, NULL) == 0;
    set_wanted(parked);
    pthread_attr_destroy(&attributes);
}

void acy_note_pass(int threads, int held_up) {
    /* Another thread's pass is being noted: this one is worth no wait. */
    if (threads < 2 || pthread_mutex_trylock(&lock) != 0) return;
    disturbance += held_up ? HELD_UP : -1;
    if (disturbance < 0 || wanted) disturbance = 0;
    if (disturbance >= ENOUGH) {
        disturbance = 0;
        park(threads);
    }
    pthread_mutex_unlock(&lock);
}

void acy_wait_as_usual(void) {
    if (pthread_mutex_trylock(&lock) != 0) return; /* a pass is being noted; there will be others */
    set_wanted(0);
    pthread_cond_signal(&let_go);
    pthread_mutex_unlock(&lock);
}

int acy_waits_briefly(void) { return __atomic_load_n(&wanted, __ATOMIC_RELAXED); }

#else

void acy_note_pass(int threads, int held_up) {
    (void)threads;
    (void)held_up;
}

void acy_wait_as_usual(void) {}

int acy_waits_briefly(void) { return 0; }

#endif
