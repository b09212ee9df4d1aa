"""The base of the kernels: instruction-set levels, threads, aligned memory.

This is the only module that links the kernels. The others get the table of a level from
`kernels_of`, in a capsule.
"""
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.pycapsule cimport PyCapsule_New
from cython.parallel cimport prange
from libc.stdint cimport uintptr_t
from posix.unistd cimport getpid, pid_t

from kernels cimport (
    acy_compiled_levels, acy_kernels, acy_runnable_levels, capsule_name, kernels_in,
)

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX

cdef extern from *:
    """
    #include <stdint.h>
    #include <stdlib.h>
    #include <sys/mman.h>
    #include <unistd.h>

    #ifdef _OPENMP
    #include <omp.h>
    static int acy_openmp_version(void) { return _OPENMP; }
    static int acy_openmp_max_threads(void) { return omp_get_max_threads(); }
    #else
    static int acy_openmp_version(void) { return 0; }
    static int acy_openmp_max_threads(void) { return 1; }
    #endif

    #if defined(__clang__)
    #define ACY_COMPILER "Clang " __clang_version__
    #elif defined(__GNUC__)
    #define ACY_COMPILER "GCC " __VERSION__
    #else
    #define ACY_COMPILER "unknown"
    #endif

    static __thread int acy_depth_of_work;
    static int *acy_depth(void) { return &acy_depth_of_work; }

    /* A huge page of x86-64, and of aarch64 with pages of 4 KiB. */
    #define ACY_HUGE_PAGE_BYTES ((size_t)2 << 20)

    /* An anonymous mapping, zero-filled; whole huge pages where the system grants them, which is
     * advice only: a system without them gives ordinary pages. What is large enough for one begins
     * on one: else up to 2 MiB at either end are ordinary pages, at whose borders the prefetchers
     * of the hardware stop. NULL if there is no memory. */
    static void *acy_map(size_t bytes) {
        const size_t spare = bytes < ACY_HUGE_PAGE_BYTES ? 0 : ACY_HUGE_PAGE_BYTES;
        const size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (bytes + page - 1) / page * page;
        char *memory = mmap(NULL, used + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                            -1, 0);
        if (memory == MAP_FAILED) return NULL;
        if (spare) {
            const size_t before = -(uintptr_t)memory % ACY_HUGE_PAGE_BYTES;
            if (before) munmap(memory, before);
            memory += before;
            munmap(memory + used, spare - before); /* not empty: before is less */
        }
    #ifdef MADV_HUGEPAGE
        madvise(memory, used, MADV_HUGEPAGE);
    #endif
        return memory;
    }
    static void acy_unmap(void *memory, size_t bytes) { munmap(memory, bytes); }
    """
    int acy_openmp_version()
    int acy_openmp_max_threads()
    const char *ACY_COMPILER
    int *acy_depth() nogil
    void *acy_map(size_t n_bytes)
    void acy_unmap(void *memory, size_t n_bytes)


# ---------------------------------------------------------------------------------------- levels

def compiled_levels():
    """Return the names of the levels compiled into this build, best first."""
    return names_of_compiled()


cdef tuple names_of_compiled():
    cdef const char *const *names = acy_compiled_levels()
    found = []
    while names[len(found)] is not NULL:
        found.append(names[len(found)].decode())
    return tuple(found)


def runnable_levels():
    """Return the names of the levels that this processor and operating system run, best first."""
    cdef const acy_kernels *const *levels = acy_runnable_levels()
    found = []
    while levels[len(found)] is not NULL:
        found.append(levels[len(found)].name.decode())
    return tuple(found)


def kernels_of(str level):
    """Return the kernels of a level as a capsule around `const acy_kernels *`.

    Parameters
    ----------
    level : str
        One of `runnable_levels()`.

    Raises
    ------
    ValueError
        The level is unknown, or this build or this machine does not have it.
    """
    cdef const acy_kernels *const *levels = acy_runnable_levels()
    cdef Py_ssize_t i = 0
    while levels[i] is not NULL:
        if levels[i].name.decode() == level:
            return PyCapsule_New(<void *> levels[i], capsule_name(), NULL)
        i += 1
    raise ValueError(
        f"instruction-set level: got {level!r}, but this machine and build run "
        f"{', '.join(runnable_levels())} (compiled: {', '.join(compiled_levels())})"
    )


def tile_of(capsule):
    """Return (lanes, tile_rows, panel_width) of the level in a capsule of `kernels_of`."""
    cdef const acy_kernels *kernels = kernels_in(capsule)
    return kernels.lanes, kernels.tile_rows, kernels.panel_width


# --------------------------------------------------------------------------------------- threads

# The process in which more than one OpenMP thread has first run. GNU's OpenMP waits for ever for
# its threads in a child forked after that (GCC bug 60035), so such a child works serially.
cdef pid_t parallel_pid = 0


def openmp_version():
    """Return the date of the OpenMP specification, such as 201511; 0 in a build without OpenMP."""
    return acy_openmp_version()


def openmp_max_threads():
    """Return what OMP_NUM_THREADS or threadpoolctl allow; 1 in a build without OpenMP."""
    return acy_openmp_max_threads()


def compiler():
    """Return the name and version of the compiler of this build."""
    return ACY_COMPILER.decode()


cpdef int threads_for(Py_ssize_t threads):
    """Return how many threads a parallel region may start now, of the `threads` requested.

    One in a build without OpenMP, and one in a process forked after its parent ran in parallel.
    """
    global parallel_pid
    if threads <= 1 or acy_openmp_version() == 0:
        return 1
    cdef pid_t pid = getpid()
    if parallel_pid == 0:
        parallel_pid = pid
    return <int> threads if parallel_pid == pid else 1


def parallel_for(do, tasks, Py_ssize_t threads):
    """Call ``do(task)`` for every task, on threads that run in parallel where it releases the GIL.

    They are the threads that the kernels run on. Others would have to wait for these: OpenMP's keep
    a core busy for milliseconds after their last work.

    Parameters
    ----------
    do : callable
    tasks : sequence
    threads : int
        As many, the caller's among them, at most.

    Raises
    ------
    BaseException
        What the first call to fail raised; no task is begun after it.
    """
    cdef Py_ssize_t i, n_tasks = len(tasks)
    cdef int n_threads = threads_for(min(threads, n_tasks))
    cdef list errors = []
    for i in prange(n_tasks, nogil=True, num_threads=n_threads, schedule="dynamic", chunksize=1):
        with gil:
            do_task(do, tasks, i, errors)
    if errors:
        raise errors[0]


cdef void do_task(do, tasks, Py_ssize_t i, list errors) noexcept:
    if errors:
        return
    depth_of_work()[0] += 1  # whoever waits for the tasks may hold what a task would wait for
    try:
        do(tasks[i])
    except BaseException as error:  # the caller raises it
        errors.append(error)
    depth_of_work()[0] -= 1


cdef int *depth_of_work() noexcept nogil:
    """Return in how much work that others may wait for this thread is: see `_turns.Turns`."""
    return acy_depth()


cdef extern from "machine/waiting.h" nogil:
    long acy_involuntary_switches()
    void acy_note_pass(int threads, int held_up)
    void acy_wait_as_usual()
    int acy_waits_briefly()


cdef extern from "machine/spread.h":
    int acy_spread_threads(int threads) nogil


def involuntary_switches():
    """Return how often the system has taken a processor from this process."""
    return acy_involuntary_switches()


def note_pass(Py_ssize_t threads, bint held_up):
    """Take note of a pass, so that threads wait for one another briefly on a busy machine.

    Parameters
    ----------
    threads : int
        It ran on.
    held_up : bool
        By other programs that wanted the processors.
    """
    acy_note_pass(threads_for(threads), held_up)


def spread_threads(Py_ssize_t threads):
    """Move threads that share a processor to idle ones; return how many were moved.

    Parameters
    ----------
    threads : int
        That the passes to come run on.
    """
    return acy_spread_threads(threads_for(threads))


def waits_briefly():
    """Return whether the machine is busy, and threads that wait sleep after a microsecond."""
    return bool(acy_waits_briefly())


def wait_as_usual():
    """Let threads wait for one another as long as they usually do: the machine is quiet again."""
    acy_wait_as_usual()


# ---------------------------------------------------------------------------------------- memory

cdef Py_ssize_t granted_before_refusal = -1


def refuse_after(Py_ssize_t count):
    """Grant memory so many times, then refuse it once, so that tests see what becomes of that."""
    global granted_before_refusal
    granted_before_refusal = count


cdef bint is_refused() noexcept:
    global granted_before_refusal
    granted_before_refusal = max(granted_before_refusal - 1, -2)
    return granted_before_refusal == -1


cdef class AlignedMemory:
    """Zero-filled memory of `nbytes` bytes that starts on a page, with the buffer protocol.

    Raises
    ------
    MemoryError
        The system does not grant it; the message says how much was requested.
    """

    def __cinit__(self, nbytes):
        if nbytes > PY_SSIZE_T_MAX:
            raise MemoryError(f"cannot allocate {nbytes} bytes")
        self.nbytes = nbytes
        self.memory = NULL if is_refused() else acy_map(max(self.nbytes, 1))
        if self.memory is NULL:
            raise MemoryError(f"cannot allocate {nbytes / 1e6:.1f} MB")

    def __dealloc__(self):
        if self.memory is not NULL:
            acy_unmap(self.memory, max(self.nbytes, 1))

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.memory, <Py_ssize_t> self.nbytes, 0, flags)

    @property
    def address(self):
        """The address of the first byte."""
        return <uintptr_t> self.memory


# Scratch memory between two uses. New pages cost more than the work of a small layer: the system
# fills each with zeros when it is first touched.
cdef list idle_scratch = []
cdef enum:
    # What two threads hold of a first pass: V, and each a buffer for weights and one for a panel.
    MOST_IDLE_SCRATCH = 5


cpdef AlignedMemory take_scratch(size_t nbytes):
    """Return memory of at least `nbytes` bytes, of any content; hand it to `give_back` after use.

    Raises
    ------
    MemoryError
        The system does not grant it.
    """
    cdef AlignedMemory memory = pop_scratch()
    cdef list too_small
    if memory is not None and memory.nbytes >= nbytes:
        return memory
    too_small = []
    while memory is not None and memory.nbytes < nbytes:
        too_small.append(memory)
        memory = pop_scratch()
    idle_scratch.extend(too_small)
    return AlignedMemory(nbytes) if memory is None else memory


cdef AlignedMemory pop_scratch():
    """Take one piece, or None if there is none."""
    try:
        return idle_scratch.pop()
    except IndexError:  # list operations are atomic, also where threads run side by side
        return None


cpdef int give_back(AlignedMemory memory) except -1:
    """Keep memory of `take_scratch` for a next call; of too much, let the smallest go."""
    cdef AlignedMemory idle
    cdef list mine
    if memory is None:
        raise TypeError("memory: need what take_scratch has returned, got None")
    idle_scratch.append(memory)
    if len(idle_scratch) <= MOST_IDLE_SCRATCH:
        return 0
    mine = []
    idle = pop_scratch()
    while idle is not None:  # one by one: what has been popped belongs to no other thread
        mine.append(idle)
        idle = pop_scratch()
    mine.sort(key=size_of)
    idle_scratch.extend(mine[-MOST_IDLE_SCRATCH:])
    return 0


cdef size_of(AlignedMemory memory):
    return memory.nbytes
