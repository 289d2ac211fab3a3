"""Builds the compiled kernels; everything else about the package is in pyproject.toml."""

import os
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

KERNELS = Path("fastrank/_kernels")

# -ffp-contract=off: no a*b+c is fused, so that every instruction set gives the same bits.
# -fno-trapping-math, -fno-math-errno: floating-point exceptions are not read, so that loops vectorise.
FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-g0"]


class BuildKernels(build_ext):
    """build_ext on every core, that says what to install where no C compiler works."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self) -> None:
        try:
            super().build_extensions()
        except CompileError as error:
            compiler = getattr(self.compiler, "compiler", ["the compiler"])[0]
            raise SystemExit(
                f"\nfastrank compiles its kernels when it is installed, and {compiler} could not be run or failed.\n"
                "It needs a C compiler (GCC or Clang) and the headers of this Python.  On Debian and Ubuntu:\n"
                "apt-get install gcc libc6-dev python3-dev; on macOS: xcode-select --install.\n"
                "Another compiler than the default is named by the variable CC."
            ) from error


setup(
    ext_modules=cythonize(
        [
            Extension(
                f"fastrank._kernels.{source.stem}",
                [str(source)],
                depends=[str(header) for header in sorted(KERNELS.glob("*.h"))],
                include_dirs=[numpy.get_include()],
                extra_compile_args=FLAGS,
            )
            for source in sorted(KERNELS.glob("*.pyx"))
        ],
        compiler_directives={"language_level": 3, "boundscheck": False, "wraparound": False, "cdivision": True},
    ),
    cmdclass={"build_ext": BuildKernels},
)
