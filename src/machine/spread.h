/* Threads that the system has put on one processor; see spread.c. */
#ifndef ACY_SPREAD_H
#define ACY_SPREAD_H

/* Move OpenMP's threads that share a processor to idle ones. Returns how many were moved. */
int acy_spread_threads(int threads);

#endif
