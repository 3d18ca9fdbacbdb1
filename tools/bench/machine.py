"""What the figures were measured on."""
import json
import os
import pathlib
import platform
import subprocess
import time

# int8 products, best first: flags of /proc/cpuinfo and their names. The first that the processor has decides.
INT8_PRODUCTS = (("amx_int8", "AMX"), ("avx512_vnni", "AVX-512 VNNI"), ("avx_vnni", "AVX VNNI"),
                 ("avx512bw", "AVX-512"), ("avx2", "AVX2"), ("i8mm", "NEON i8mm"), ("asimddp", "NEON dot products"),
                 ("asimd", "NEON"))


def cpu_fields(text):
    """Of the first processor."""
    pairs = (line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def int8_products(flags):
    return next((name for flag, name in INT8_PRODUCTS if flag in flags), "none of the known")


def words_on_isa(isa):
    if isa == "AMX":
        return "AMX here."
    if "VNNI" in isa:
        return f"No AMX here: the figures are those of {isa}."
    return f"Neither AMX nor VNNI here: the figures are those of {isa}."


def describe():
    fields = cpu_fields(pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    isa = int8_products(fields.get("flags", fields.get("Features", "")).split())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": f"{fields.get('model name', platform.machine())}, family {fields.get('cpu family', '-')}, "
                   f"model {fields.get('model', '-')}",
            "processors": os.cpu_count(), "memory_bytes": memory, "kernel": platform.release(), "int8_isa": isa,
            "words": words_on_isa(isa)}


def processors(num_threads):
    """The last ones: interrupts mostly go to the first."""
    return sorted(os.sched_getaffinity(0), reverse=True)[:num_threads]


def now():
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())


def package_versions(python):
    """Of what pip has installed for that Python; nothing where it cannot say."""
    command = [str(python), "-m", "pip", "list", "--format", "json"]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode:
        return {}
    return {package["name"]: package["version"] for package in json.loads(done.stdout)}
