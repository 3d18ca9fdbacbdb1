"""One engine with one model in one process, timed when asked: the lines of `smx bench --turns`.

  at start             {"load_us", "first_run_us", "base_rss_bytes"}: load is import of the runtime and of the file;
                       base is what Python, numpy and the tokens took before
  a number K on stdin  one run that is not measured, then K that are: {"latency_us": [...]}
  the end of stdin     {"peak_rss_bytes"}
"""
import argparse
import concurrent.futures
import json
import pathlib
import sys
import time

import numpy

from peers.parameters import inputs


def onnxruntime(args, feeds):
    import onnxruntime as runtime
    options = runtime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(args.folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return lambda: session.run(["pooled"], feeds)[0]


def openvino(args, feeds):
    import openvino as runtime
    settings = {"INFERENCE_NUM_THREADS": args.threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
                "ENABLE_CPU_PINNING": False}
    request = runtime.Core().compile_model(args.folder / "model.xml", "CPU", settings).create_infer_request()
    return lambda: request.infer(feeds, share_inputs=True, share_outputs=True)["pooled"]


def litert(args, feeds):
    from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(model_path=str(args.folder / "model.tflite"), num_threads=args.threads)
    interpreter.allocate_tensors()
    tensors = [(detail["index"], next(value for name, value in feeds.items() if name in detail["name"]).astype(
        detail["dtype"])) for detail in interpreter.get_input_details()]
    output = interpreter.get_output_details()[0]["index"]

    def run():
        for index, value in tensors:
            interpreter.set_tensor(index, value)
        interpreter.invoke()
        return interpreter.get_tensor(output)
    return run


def ctranslate2(args, feeds):
    import ctranslate2 as runtime
    encoder = runtime.Encoder(str(args.folder), device="cpu", compute_type="int8_float32", intra_threads=args.threads,
                              inter_threads=1)
    ids = feeds["input_ids"][0, :args.tokens].tolist()
    return lambda: encoder.forward_batch([ids], token_type_ids=[[0] * args.tokens]).pooler_output


def reading(args, feeds):
    """No engine: reads so many bytes once, as fast as a dot product can. What a run that reads them cannot beat."""
    del feeds
    parts = numpy.array_split(numpy.ones(args.bytes // 4, numpy.float32), args.threads)
    pool = concurrent.futures.ThreadPoolExecutor(args.threads)
    return lambda: list(pool.map(lambda part: numpy.dot(part, part), parts))


ENGINES = {"onnxruntime": onnxruntime, "openvino": openvino, "litert": litert, "ctranslate2": ctranslate2,
           "reading": reading}


def resident_bytes(key):
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith(key)).split()[1]) * 1024


def microseconds(run):
    begin = time.perf_counter_ns()
    result = run()
    return (time.perf_counter_ns() - begin) // 1000, result


def answer(**fields):
    print(json.dumps(fields), flush=True)


def serve(run, **start_report):
    """Answers until stdin ends."""
    answer(**start_report)
    for line in sys.stdin:
        run()
        answer(latency_us=[microseconds(run)[0] for _ in range(int(line))])
    answer(peak_rss_bytes=resident_bytes("VmHWM"))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("engine", choices=ENGINES)
    add("folder", type=pathlib.Path, help="of its files")
    add("--length", type=int, default=1, help="that the file was made for")
    add("--tokens", type=int, default=1, help="real ones; pads behind them")
    add("--threads", type=int, default=1)
    add("--bytes", type=int, default=0, help="that `reading` reads")
    add("--output", type=pathlib.Path, help="write the tokens and the pooled vector of the first run here, as JSON")
    return parser.parse_args()


def main():
    args = parse_arguments()
    feeds = inputs(args.length, args.tokens)
    base = resident_bytes("VmRSS")
    load_us, run = microseconds(lambda: ENGINES[args.engine](args, feeds))
    first_run_us, pooled = microseconds(run)
    if args.output:
        values = {"input_ids": feeds["input_ids"][0].tolist(), "pooled": numpy.array(pooled).reshape(-1).tolist()}
        args.output.write_text(json.dumps(values), encoding="ascii")
    serve(run, load_us=load_us, first_run_us=first_run_us, base_rss_bytes=base)


if __name__ == "__main__":
    main()
