/* How long OpenMP's threads wait in a loop before they sleep; see waiting.c. */
#ifndef ACY_WAITING_H
#define ACY_WAITING_H

/* How often the system has taken a processor from this process, all of its threads together. */
long acy_involuntary_switches(void);

/* Take note of a pass on `threads` threads, and of whether other programs held it up. */
void acy_note_pass(int threads, int held_up);

/* Others no longer want the processors. */
void acy_wait_as_usual(void);

/* Whether they do, and threads wait briefly. */
int acy_waits_briefly(void);

#endif
