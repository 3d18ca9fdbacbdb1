"""compare.py from flags to tables, with fakes for all that it calls."""
import helpers

QUICK = ("--threads", 1, "--rounds", 3, "--repeat", 3, "--starts", 2)


def rows_of(results, case):
    return {row["engine"]: row for row in results["rows"] if row["case"] == case}


def test_engines_take_turns_and_the_tables_say_who_is_faster():
    with helpers.temporary() as folder:
        fakes = helpers.Fakes(folder, microseconds={"smx": 1000, "openvino": 3000, "litert": 2500, "onnxruntime": 9000})
        done = fakes.compare("--cases", "mixer-512", "bert-40", *QUICK)
        results = fakes.results()
        mixer, bert = rows_of(results, "mixer-512"), rows_of(results, "bert-40")
        assert list(mixer) == ["smx", "openvino", "litert", "onnxruntime"], mixer
        assert list(bert) == ["smx", "openvino", "litert", "onnxruntime", "ctranslate2"], bert
        assert mixer["openvino"]["min_ms"] == 3 and mixer["openvino"]["samples"] == 9
        assert mixer["smx"]["median_ms"] == 1.001
        assert mixer["smx"]["start_ms"] == 5 and mixer["smx"]["isa"] == "none"
        assert 21 < mixer["smx"]["gmac_per_s"] / 1000 < 21.2
        assert mixer["openvino"]["cosine_with_smx"] == 1 and mixer["litert"]["cosine_with_smx"] == 0
        assert "cosine_with_smx" not in bert["openvino"]
        goals = {bar["title"]: bar for bar in results["bars"]}
        best = goals["Sparse Mixer Base, 512 tokens, against the best peer"]
        assert best["ratio"] == 2.5 and best["met"] and best["against"] == "litert"
        assert not results["left_out"] or results["left_out"][0]["where"] == "plots"
        for words in ("| smx int8 | 1.0 (1.0) |", "| 2.50 |", "openvino 1.2", results["machine"]["words"],
                      "smx: none."):
            assert words in done.stdout, words
        assert (fakes.folder / "out" / "results.md").read_text(encoding="utf-8") == done.stdout


def test_models_are_made_once_and_whole():
    with helpers.temporary() as folder:
        fakes = helpers.Fakes(folder, fail={"peers.litert_int8": "no converter"})
        fakes.compare("--cases", "masked-32", "--only-make", "--engines", "smx", "litert")
        assert not list((fakes.folder / "work" / "models").glob("*.litert")), "it failed"
        made = fakes.commands()
        assert [line for line in made if line.startswith("smx-quantize")], made
        assert [line for line in made if "random_model.py sparse-mixer-base" in line and "--masked" in line], made
        fakes.settings["fail"] = {}
        fakes.compare("--cases", "masked-32", "--only-make", "--engines", "smx", "litert")
        again = fakes.commands()
        assert not [line for line in again if line.startswith("smx-quantize")], again
        assert [line for line in again if "peers.litert_int8 sparse-mixer-base 32" in line], again
        assert (fakes.folder / "work" / "models" / "sparse-mixer-base-32.litert" / "model").exists()
        assert not fakes.results()["rows"]


def test_a_peer_that_is_missing_is_named_with_the_reason_and_the_others_go_on():
    reasons = {"pip install --quiet openvino": "No matching distribution found for nncf",
               "peers.onnxruntime_int8": "a model that it cannot take", "peers.worker litert": "a missing instruction"}
    with helpers.temporary() as folder:
        fakes = helpers.Fakes(folder, fail=reasons)
        done = fakes.compare("--cases", "bert-40", *QUICK)
        results = fakes.results()
        assert list(rows_of(results, "bert-40")) == ["smx", "ctranslate2"]
        said = {entry["engine"]: (entry["where"], entry["reason"]) for entry in results["left_out"]}
        assert said["openvino"][0] == "everywhere" and "No matching distribution found for nncf" in said["openvino"][1]
        assert said["onnxruntime"][0] == "bert-40" and "a model that it cannot take" in said["onnxruntime"][1]
        assert said["litert"][0] == "bert-40, 1 thread(s)" and "a missing instruction" in said["litert"][1]
        for engine, (_, reason) in said.items():
            assert f"left out: {engine}" in done.stderr and reason in done.stdout, engine
        fakes.settings["fail"] = {}
        fakes.compare("--cases", "bert-40", *QUICK)
        assert not [entry for entry in fakes.results()["left_out"] if entry["where"] != "plots"], "nobody any more"


def test_results_of_other_cases_stay():
    with helpers.temporary() as folder:
        fakes = helpers.Fakes(folder)
        fakes.compare("--cases", "bert-40", "--engines", "smx", "litert", *QUICK)
        fakes.settings["microseconds"] = {"smx": 500}
        fakes.compare("--cases", "masked-128", "--engines", "smx", *QUICK)
        results = fakes.results()
        assert list(rows_of(results, "bert-40")) == ["smx", "litert"]
        assert rows_of(results, "bert-40")["smx"]["min_ms"] == 1
        assert rows_of(results, "masked-128")["smx"]["min_ms"] == 0.5


def test_the_sweep_finds_the_largest_jump_and_the_time_of_reading():
    with helpers.temporary() as folder:
        fakes = helpers.Fakes(folder, microseconds={"reading": 2000})
        done = fakes.compare("--cases", "masked-32", "sweep", "--engines", "smx", "reading", "--step", 64, *QUICK)
        sweep = fakes.results()["sweep"]
        points = {point["length"]: point for point in sweep["points"]}
        assert list(points) == list(range(64, 513, 64)) and points[512]["min_ms"] == 517
        assert sweep["largest_jump"] == {"from": 64, "to": 128, "ratio": 2.0}
        assert points[64]["needed_bytes"] == 16 and points[64]["reading_ms"] == 2
        assert "largest jump between neighbours is 2.00 times, from 64 to 128" in done.stdout
        reading = next(bar for bar in fakes.results()["bars"] if bar["against"] == "reading")
        assert reading["ratio"] == 0.5 and reading["met"]


def test_smx_that_fails_is_an_error():
    with helpers.temporary() as folder:
        fakes = helpers.Fakes(folder, fail={"smx-quantize": "no checkpoint"})
        done = fakes.compare("--cases", "bert-40", *QUICK, code=1)
        assert "smx-quantize: no checkpoint" in done.stderr


def test_bad_arguments_are_usage_errors():
    with helpers.temporary() as folder:
        fakes = helpers.Fakes(folder)
        for flags, words in ((("--threads", 0), "is 0, must be a whole number from 1"),
                             (("--threads", 1000), "--threads 1000:"), (("--rounds", "x"), "is x, must be a whole"),
                             (("--step", 257), "--step"),
                             (("--cases", "bert-7"), "bert-7"), (("--engines", "none"), "none"),
                             (("--programs", fakes.folder), "no smx in it")):
            assert words in fakes.compare(*flags, code=2).stderr, flags
        assert "Examples:" in fakes.compare("--help").stdout


def test_a_folder_that_cannot_be_written_is_exit_code_5():
    with helpers.temporary() as folder:
        fakes = helpers.Fakes(folder)
        (fakes.folder / "out").write_text("a file", encoding="ascii")
        assert "out" in fakes.compare("--cases", "bert-40", *QUICK, code=5).stderr
