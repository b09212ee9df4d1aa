"""Build of the extension modules.

The kernels of `src/kernels` are compiled once per instruction-set level, each with the flags of
the table below, and linked into `alexnet_cy.kernels._runtime`, which chooses a level when it is
first needed. The other modules get the chosen level from there. What Cython's memoryviews need at
run time stands once, in `alexnet_cy.kernels._cyutility`, and not in each module.

Environment variables of the build:
    ALEXNET_CY_NO_OPENMP=1        build without OpenMP, as on a compiler that has none
    ALEXNET_CY_BUILD_LEVELS=a,b   build only these levels besides "generic"
    ALEXNET_CY_DEBUG=1            bounds checks on, optimisation low, debug symbols
    ALEXNET_CY_BUILD_JOBS=n       compilers at a time; one for each processor if left out
    CFLAGS, LDFLAGS               added to every compilation and link, as usual
"""

import os
import platform
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError, LinkError

MODULES = (
    "_runtime",
    "_turns",
    "_pieces",
    "_bound",
    "_rows",
    "_layout",
    "convolution._conv",
    "_pool",
    "_lrn",
    "_linear",
    "_softmax",
    "_unit_distance",
    "_limits",
    "convolution._winograd",
    "convolution._winograd_streaming",
    "images._resample",
    "training._conv_gradients",
    "training._dropout",
    "training._linear_gradients",
    "training._loss",
    "training._lrn_gradients",
    "training._pool_gradients",
    "training._update",
    "training._winograd_gradients",
)

PACKAGE = "alexnet_cy.kernels"
SHARED_UTILITY = f"{PACKAGE}._cyutility"

DEBUG = os.environ.get("ALEXNET_CY_DEBUG") == "1"


def build_jobs() -> int:
    """Return how many compilers to run at a time."""
    given = os.environ.get("ALEXNET_CY_BUILD_JOBS")
    if given is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if not given.isdecimal() or int(given) < 1:
        raise SystemExit(f"ALEXNET_CY_BUILD_JOBS: need a whole number from 1 up, got {given!r}")
    return int(given)


# -ffp-contract=fast lets a * b + c become one fused multiply-add; it is GCC's default only in GNU
# modes. Never -ffast-math: it would change the meaning of NaN and, at load time, of denormals.
COMMON_FLAGS = ("-std=gnu11", "-ffp-contract=fast", "-fno-math-errno", "-fvisibility=hidden")
# -g0, because the flags of most Pythons ask for symbols, which are five sixths of a module's size.
OPTIMISATION = ("-O1", "-g") if DEBUG else ("-O3", "-g0")

# The kernels are vectorised by hand and unrolled by pragma; the compiler's own vectoriser and
# unroller would only add register spills around the tile of gemm.h.
KERNEL_FLAGS = (
    ("-O1", "-g") if DEBUG else ("-O2", "-g0", "-fno-tree-vectorize", "-fno-unroll-loops")
)
WARNING_FLAGS = ("-Wall", "-Wextra", "-Wshadow", "-Wvla", "-Wframe-larger-than=65536")


class IsaLevel(NamedTuple):
    """One instruction-set level: a file of src/isa and the flags it is compiled with."""

    name: str
    source: str
    machines: tuple[str, ...]  # platform.machine() of the processors that have it
    flags: tuple[str, ...]
    requires: str  # a macro that the compiler defines when it has the level

    @property
    def macro(self) -> str:
        """The macro that announces the level to src/machine/cpu.c."""
        return "ACY_HAVE_" + self.name.upper().replace("-", "_")


X86_64 = ("x86_64", "AMD64", "amd64")
AARCH64 = ("aarch64", "arm64")

# "generic" is compiled with no flags of its own and is always there.
ISA_LEVELS = (
    IsaLevel("x86-64-v3", "src/isa/x86_64_v3.c", X86_64, ("-mavx2", "-mfma", "-mbmi2"), "__AVX2__"),
    IsaLevel(
        "x86-64-v4",
        "src/isa/x86_64_v4.c",
        X86_64,
        ("-mavx2 -mfma -mbmi2 -mavx512f -mavx512vl -mavx512bw -mavx512dq -mavx512cd").split(),
        "__AVX512DQ__",
    ),
    # GCC's other way of scheduling loads all elements of a before it uses one, and keeps two of the
    # 24 sums of the register tile in memory to have the registers.
    IsaLevel(
        "aarch64-neon",
        "src/isa/aarch64_neon.c",
        AARCH64,
        ("--param=sched-pressure-algorithm=1",),
        "__ARM_NEON",
    ),
)


class BuildKernels(build_ext):
    """build_ext that compiles the kernels per level and finds out what the compiler can do."""

    def build_extensions(self) -> None:
        """Probe, compile the kernels, then build the modules as usual."""
        openmp = os.environ.get("ALEXNET_CY_NO_OPENMP") != "1" and self.links_openmp()
        levels = [level for level in wanted_levels() if self.has_level(level)]
        for extension in self.extensions:
            extension.extra_compile_args += [*COMMON_FLAGS, *OPTIMISATION]
            if openmp:
                extension.extra_compile_args.append("-fopenmp")
                extension.extra_link_args.append("-fopenmp")
            if extension.name == f"{PACKAGE}._runtime":
                extension.define_macros += [(level.macro, "1") for level in levels]
                extension.extra_objects += self.compile_kernels(levels)
                extension.libraries.append("m")
        self.parallel = self.parallel or build_jobs()
        super().build_extensions()
        if not self.inplace and Path(".git").exists():
            self.copy_beside_the_stubs()

    def copy_beside_the_stubs(self) -> None:
        """Copy the modules into the clone, as an editable install does.

        Python looks into the current folder first, so that in a clone `import alexnet_cy` finds
        the sources, whatever is installed: without their modules they could not be imported.
        """
        with suppress(OSError):  # a folder that cannot be written to stays as it is
            for extension in self.extensions:
                target = Path(*extension.name.split(".")[:-1])
                self.copy_file(self.get_ext_fullpath(extension.name), str(target))

    def compile_kernels(self, levels: list[IsaLevel]) -> list[str]:
        """Compile src/isa/*.c, each with its own flags; return the object files."""
        sources = [("src/isa/generic.c", ())] + [(level.source, level.flags) for level in levels]
        headers = [str(path) for path in Path("src").rglob("*.h")]
        with ThreadPoolExecutor(build_jobs()) as pool:
            compiled = [
                pool.submit(
                    self.compiler.compile,
                    [source],
                    output_dir=self.build_temp,
                    include_dirs=["src"],
                    extra_postargs=[*COMMON_FLAGS, *KERNEL_FLAGS, *WARNING_FLAGS, *flags],
                    depends=headers,
                )
                for source, flags in sources
            ]
            return [name for objects in compiled for name in objects.result()]

    def has_level(self, level: IsaLevel) -> bool:
        """Whether the compiler takes the flags of the level and then has what it needs."""
        program = f"#ifndef {level.requires}\n#error\n#endif\nint main(void) {{ return 0; }}\n"
        return self.builds(program, level.flags)

    def links_openmp(self) -> bool:
        """Whether a program with OpenMP compiles and links."""
        program = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
        return self.builds(program, ("-fopenmp",), link=True)

    def builds(self, program: str, flags: tuple[str, ...], link: bool = False) -> bool:
        """Whether the program compiles (and links) with the flags."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text(program)
            try:
                objects = self.compiler.compile(
                    [str(source)], output_dir=folder, extra_postargs=list(flags)
                )
                if link:
                    self.compiler.link_executable(
                        objects,
                        "probe",
                        output_dir=folder,
                        extra_postargs=[*flags, *os.environ.get("LDFLAGS", "").split()],
                    )
            except (CompileError, LinkError):
                return False
        return True


class BuildPackage(build_py):
    """build_py that takes nothing over from an earlier build of an older tree.

    The folder build/ stays between builds, and all that is in it is installed: modules too that
    have moved or gone since.
    """

    def run(self) -> None:
        """Remove what has no source any more, then build as usual."""
        built = Path(self.build_lib, "alexnet_cy")
        modules = {Path("kernels", *name.split(".")) for name in (*MODULES, "_cyutility")}
        for path in [path for path in built.rglob("*") if path.is_file()]:
            inside = path.relative_to(built)
            module = inside.parent / inside.name.partition(".")[0]
            if not Path("alexnet_cy", inside).exists() and module not in modules:
                path.unlink()
        super().run()


def wanted_levels() -> list[IsaLevel]:
    """Return the levels of this processor family, as ALEXNET_CY_BUILD_LEVELS restricts them."""
    family = [level for level in ISA_LEVELS if platform.machine() in level.machines]
    restriction = os.environ.get("ALEXNET_CY_BUILD_LEVELS")
    if restriction is None:
        return family
    names = {name.strip() for name in restriction.split(",")} - {"", "generic"}
    if unknown := names - {level.name for level in family}:
        valid = ", ".join(level.name for level in family)
        raise SystemExit(f"ALEXNET_CY_BUILD_LEVELS: unknown {sorted(unknown)}; valid: {valid}")
    return [level for level in family if level.name in names]


def extension(name: str) -> Extension:
    """Describe one module of src; only _runtime links what implements the contract."""
    sources = [f"src/{name.replace('.', '/')}.pyx"]
    if name == "_runtime":
        sources += ["src/machine/cpu.c", "src/machine/spread.c", "src/machine/waiting.c"]
    depends = [str(path) for path in Path("src").rglob("*.h")]
    return Extension(f"{PACKAGE}.{name}", sources, include_dirs=["src"], depends=depends)


setup(
    ext_modules=cythonize(
        # Cython writes the C of the shared utility itself; the name only says where to.
        [*map(extension, MODULES), Extension(SHARED_UTILITY, ["src/_cyutility.c"])],
        build_dir="build/cython",
        include_path=["src", "src/pxd"],
        shared_utility_qualified_name=SHARED_UTILITY,
        nthreads=build_jobs(),
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "wraparound": False,
            "initializedcheck": DEBUG,
            "cdivision": True,
            "auto_pickle": False,
            "autotestdict": False,
            "freethreading_compatible": True,
        },
    ),
    cmdclass={"build_ext": BuildKernels, "build_py": BuildPackage},
)
