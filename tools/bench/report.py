"""Ratios, tables and the file of results."""
import json
import statistics

import cases
import machine

RESULTS = "results.json"


def row_of(case, threads, worker, load_average):
    """What was measured of one engine; the load is that of the machine before, which should be idle."""
    start, least = worker.start_report, min(worker.latency_us) / 1000
    row = {"case": case.name, "threads": threads, "engine": worker.engine, "min_ms": round(least, 3),
           "median_ms": round(statistics.median(worker.latency_us) / 1000, 3), "samples": len(worker.latency_us),
           "start_ms": round((start["load_us"] + start["first_run_us"]) / 1000, 1),
           "peak_rss_bytes": worker.end_report["peak_rss_bytes"], "date": machine.now(), "load_average": load_average}
    if worker.engine != cases.READING:
        row["gmac_per_s"] = round(case.multiply_adds / least / 1e6, 1)
    if "base_rss_bytes" in start:
        row["base_rss_bytes"] = start["base_rss_bytes"]
    if "isa" in worker.end_report:
        row["isa"] = worker.end_report["isa"]
    return row


def find(rows, case, threads, engine):
    return next((row for row in rows if (row["case"], row["threads"], row["engine"]) == (case, threads, engine)), None)


def best_peer(rows, case, threads):
    peers = [peer.name for peer in cases.PEERS]
    candidates = [row for row in rows if row["case"] == case and row["threads"] == threads and row["engine"] in peers]
    return min(candidates, key=lambda row: row["min_ms"], default=None)


def _verdict(title, threads, ratio, wanted, is_met, against):
    return {"title": title, "threads": threads, "ratio": round(ratio, 3), "wanted": wanted, "met": is_met,
            "against": against}


def bars(rows):
    """Every goal that the rows can speak of: how many times as fast smx is, and whether that is enough."""
    verdicts = []
    for threads in sorted({row["threads"] for row in rows}):
        for bar in cases.BARS:
            ours, other = find(rows, bar.case, threads, cases.SMX), best_peer(rows, bar.against, threads)
            if ours and other:
                ratio = other["min_ms"] / ours["min_ms"]
                verdicts.append(_verdict(bar.title, threads, ratio, f"at least {bar.wanted}", ratio >= bar.wanted,
                                         other["engine"]))
        ours, reading = (find(rows, cases.READING_CASE, threads, engine) for engine in (cases.SMX, cases.READING))
        if ours and reading:
            ratio = ours["min_ms"] / reading["min_ms"]
            verdicts.append(_verdict("Sparse Mixer Base, masked, 32 tokens: time, in times of reading the weights",
                                     threads, ratio, f"at most {cases.MAX_OF_READING}", ratio <= cases.MAX_OF_READING,
                                     cases.READING))
    one, two = (find(rows, "mixer-512", threads, cases.SMX) for threads in (1, 2))
    if one and two:
        ratio = one["min_ms"] / two["min_ms"]
        verdicts.append(_verdict("Sparse Mixer Base, 512 tokens: 2 threads against 1", 2, ratio,
                                 f"at least {cases.MIN_OF_TWO_THREADS}", ratio >= cases.MIN_OF_TWO_THREADS, cases.SMX))
    return verdicts


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def matrix(rows, threads):
    """Engines by cases: min and median, and how many times as fast as the best peer smx is."""
    rows = [row for row in rows if row["threads"] == threads]
    columns = [case for case in cases.CASES if any(row["case"] == case.name for row in rows)]
    engines = [engine for engine in cases.TITLES if any(row["engine"] == engine for row in rows)]
    lines = []
    for engine in engines:
        found = [find(rows, case.name, threads, engine) for case in columns]
        lines.append([cases.TITLES[engine], *(f"{row['min_ms']:.1f} ({row['median_ms']:.1f})" if row else "-"
                                              for row in found)])
    ratios = []
    for case in columns:
        ours, other = find(rows, case.name, threads, cases.SMX), best_peer(rows, case.name, threads)
        ratios.append(f"{other['min_ms'] / ours['min_ms']:.2f}" if ours and other else "-")
    lines.append(["smx, times as fast as the best other", *ratios])
    return table([f"{threads} thread{'s' * (threads > 1)}, ms", *(case.title for case in columns)], lines)


def details(rows):
    """A line per measurement."""
    def megabytes(row):
        return f"{row['peak_rss_bytes'] / 1e6:.0f}"
    titles = {case.name: case.title for case in cases.CASES}
    header = ["case", "threads", "engine", "GMAC/s", "start to first answer, ms", "peak memory, MB", "cosine with smx"]
    return table(header, [[titles[row["case"]], str(row["threads"]), cases.TITLES[row["engine"]],
                           str(row.get("gmac_per_s", "-")), f"{row['start_ms']:.0f}", megabytes(row),
                           str(row.get("cosine_with_smx", "-"))] for row in rows])


def texts_table(rows):
    """Entries by numbers of threads: texts per second of the least time and of the median."""
    counts = sorted({row["threads"] for row in rows})
    lines = []
    for title in dict.fromkeys(row["title"] for row in rows):
        found = {row["threads"]: row for row in rows if row["title"] == title}
        one = next(iter(found.values()))
        speeds = [f"{found[n]['texts_per_second']:,} ({found[n]['median_texts_per_second']:,})" if n in found else "-"
                  for n in counts]
        lines.append([title, *speeds, f"{one['accuracy']:.2%}", f"{one['file_bytes'] / 1e6:.2f} MB"])
    return table(["texts per second", *(f"{n} thread{'s' * (n > 1)}" for n in counts), "accuracy", "files"], lines)


def markdown(results):
    host = results["machine"]
    isa = next((row["isa"] for row in results["rows"] if row["engine"] == cases.SMX), "not measured")
    lines = [f"{host['cpu']}, {host['processors']} processors. {host['words']} smx: {isa}. Least time and, in brackets, "
             "median of runs that engines took in turns; random weights, one text at a time.", ""]
    for threads in sorted({row["threads"] for row in results["rows"]}):
        lines += matrix(results["rows"], threads)
    lines += table(["goal", "threads", "ratio", "wanted", "met", "against"],
                   [[bar["title"], str(bar["threads"]), f"{bar['ratio']:.2f}", bar["wanted"],
                     "yes" if bar["met"] else "no", cases.TITLES[bar["against"]]] for bar in results["bars"]])
    sweep = results.get("sweep")
    if sweep:
        jump = sweep["largest_jump"]
        lines += [f"Lengths {sweep['points'][0]['length']} to {sweep['points'][-1]['length']}, masked, one thread: the "
                  f"largest jump between neighbours is {jump['ratio']:.2f} times, from {jump['from']} to {jump['to']} "
                  f"tokens (goal: at most {cases.MAX_JUMP}, 8 tokens apart).", ""]
    if results.get("texts"):
        lines += texts_table(results["texts"])
    lines += details(results["rows"])
    lines += [f"Left out: {cases.TITLES.get(entry['engine'], entry['engine'])}, {entry['where']}: {entry['reason']}"
              for entry in results["left_out"]]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return "\n".join(lines + ["", f"Versions: {versions or 'unknown'}."]) + "\n"


class Results:
    """The results in a folder: those of an earlier run on this machine stay, case by case, until they are measured
    anew."""

    def __init__(self, folder, host):
        self.folder, self.path = folder, folder / RESULTS
        self.values = {"machine": host, "versions": {}, "rows": [], "left_out": [], "bars": []}
        if self.path.exists():
            earlier = json.loads(self.path.read_text(encoding="utf-8"))
            if earlier["machine"]["cpu"] == host["cpu"]:
                self.values.update(earlier, machine=host)

    def replace(self, where, new_rows, left_out):
        """`where` is what was measured: a case with its number of threads, or another step."""
        kept = [row for row in self.values["rows"] if place(row["case"], row["threads"]) != where]
        order = [case.name for case in cases.CASES]
        self.values["rows"] = sorted(kept + new_rows, key=lambda row: (row["threads"], order.index(row["case"])))
        self.values["left_out"] = [entry for entry in self.values["left_out"] if entry["where"] != where] + [
            {"where": where, "engine": engine, "reason": reason} for engine, reason in left_out]
        self.write()

    def replace_texts(self, threads, new_rows):
        kept = [row for row in self.values.get("texts", []) if row["threads"] != threads]
        self.values["texts"] = sorted(kept + new_rows, key=lambda row: row["threads"])
        self.write()

    def write(self):
        self.values["bars"] = bars(self.values["rows"])
        self._whole(RESULTS, json.dumps(self.values, indent=1) + "\n")
        self._whole("results.md", markdown(self.values))

    def _whole(self, name, text):
        part = self.folder / f"{name}.part"
        part.write_text(text, encoding="utf-8")
        part.rename(self.folder / name)


def place(case_name, threads):
    return f"{case_name}, {threads} thread(s)"
