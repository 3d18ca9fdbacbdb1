"""Ratios, goals, multiply-adds and what the machine is, from made-up figures."""
import cases
import machine
import report
import sizes
import sweep


def row(case, threads, engine, least):
    return {"case": case, "threads": threads, "engine": engine, "min_ms": least, "median_ms": least + 1,
            "start_ms": 3, "peak_rss_bytes": 4000000}


ROWS = [row("mixer-512", 1, "smx", 10.0), row("mixer-512", 1, "openvino", 25.0), row("mixer-512", 1, "litert", 19.0),
        row("bert-512", 1, "smx", 30.0), row("bert-512", 1, "ctranslate2", 36.0), row("bert-512", 1, "litert", 40.0),
        row("mixer-512", 2, "smx", 5.0), row("mixer-512", 2, "openvino", 4.0), row("masked-32", 1, "smx", 12.0),
        row("masked-32", 1, "reading", 10.0)]


def test_goals_hold_smx_against_the_best_peer_of_the_same_number_of_threads():
    got = {(bar["title"], bar["threads"]): (bar["ratio"], bar["met"], bar["against"]) for bar in report.bars(ROWS)}
    mixer = "Sparse Mixer Base, 512 tokens, against the best peer"
    assert got == {
        (mixer, 1): (1.9, False, "litert"),
        (f"{mixer}'s BERT Base", 1): (3.6, True, "ctranslate2"),
        ("BERT Base, 512 tokens, against the best peer", 1): (1.2, True, "ctranslate2"),
        ("Sparse Mixer Base, masked, 32 tokens: time, in times of reading the weights", 1): (1.2, False, "reading"),
        (mixer, 2): (0.8, False, "openvino"),
        ("Sparse Mixer Base, 512 tokens: 2 threads against 1", 2): (2.0, True, "smx"),
    }, got


def test_tables_have_a_line_for_each_engine_and_a_dash_for_what_was_not_measured():
    lines = report.matrix(ROWS, 1)
    assert lines[0] == ("| 1 thread, ms | BERT Base, 512 tokens | Sparse Mixer Base, 512 tokens | Sparse Mixer Base, "
                        "masked, 32 tokens |")
    assert "| smx int8 | 30.0 (31.0) | 10.0 (11.0) | 12.0 (13.0) |" in lines
    assert "| CTranslate2 int8 | 36.0 (37.0) | - | - |" in lines
    assert "| smx, times as fast as the best other | 1.20 | 1.90 | - |" in lines
    assert report.details(ROWS[:1])[2] == "| Sparse Mixer Base, 512 tokens | 1 | smx int8 | - | 3 | 4 | - |"


def test_texts_per_second_stand_side_by_side_by_threads():
    def speed(title, threads, least):
        return {"title": title, "threads": threads, "texts_per_second": least, "median_texts_per_second": least - 1,
                "accuracy": 0.9269, "file_bytes": 2820000}
    lines = report.texts_table([speed("smx", 1, 2001), speed("fastText", 1, 26001), speed("smx", 2, 3001)])
    assert lines[0] == "| texts per second | 1 thread | 2 threads | accuracy | files |"
    assert lines[2] == "| smx | 2,001 (2,000) | 3,001 (3,000) | 92.69% | 2.82 MB |", lines[2]
    assert lines[3] == "| fastText | 26,001 (26,000) | - | 92.69% | 2.82 MB |", lines[3]


def test_a_machine_without_amx_is_told_so():
    for flags, isa, words in ((["avx2", "avx512_vnni", "amx_int8"], "AMX", "AMX here"),
                              (["avx2", "avx512_vnni"], "AVX-512 VNNI", "No AMX here: the figures are those of AVX"),
                              (["avx2", "fma"], "AVX2", "Neither AMX nor VNNI here: the figures are those of AVX2"),
                              ([], "none of the known", "Neither AMX")):
        assert machine.int8_products(flags) == isa
        assert words in machine.words_on_isa(isa)
    assert machine.cpu_fields("model\t: 49\nflags\t\t: a b\n\nmodel : 50\n") == {"model": "49", "flags": "a b"}


def test_multiply_adds_are_those_of_the_sizes():
    mixer, bert = (sizes.configuration(name, 512) for name in ("sparse-mixer-base", "bert-base"))
    # smx bench's macs_dense for 512 tokens, less the pooler and the head
    assert sizes.multiply_adds(mixer, 512) == 21089224192 - 512 * 512 - 3 * 512
    assert sizes.multiply_adds(bert, 512) == 48620964096 - 512 * 768 * 768 - 768 * 768 - 3 * 768
    assert sizes.expert_capacity(mixer, 512) == 32 and sizes.expert_capacity(mixer, 32) == 4
    assert {case.name: case.length for case in cases.CASES}["mixer-40-of-512"] == 512


def test_a_short_text_needs_its_rows_of_embeddings_and_its_part_of_sequence_matrices():
    tensors = [{"name": "encoder/embedder/word/embedding", "shape": [32000, 512], "bytes": 16384000},
               {"name": "encoder/embedder/type/embedding", "shape": [4, 512], "bytes": 2048},
               {"name": "encoder/embedder/hidden_mapping_in/kernel", "shape": [512, 512], "bytes": 262144},
               {"name": "encoder/linear_transform_0/input_kernel", "shape": [512, 512], "bytes": 262144}]
    assert sweep.needed_bytes(tensors, 32, 512) == 32 * 512 + 2048 + 262144 + 32 * 32
    points = [{"length": length, "min_ms": least} for length, least in ((8, 4.0), (16, 5.0), (24, 7.0))]
    assert sweep.largest_jump(points) == {"from": 16, "to": 24, "ratio": 1.4}
