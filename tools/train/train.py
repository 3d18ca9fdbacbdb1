#!/usr/bin/env python3
"""The trainer's entry point: tables in, a model folder out. Flags and examples: options.py."""
import hashlib
import pathlib
import sys
import time

import torch

import options
import results
import student
from errors import BadUsage, TrainError
from mixer import export
from mixer import initial
from mixer.config import ModelConfig
from mixer.model import SparseMixer, parameter_shapes
from problem import Classes, Numbers
from teaching import teacher as teacher_tools
from texts import table
from texts import text as text_tools
from training.loop import Run
from training.processes import Processes
from training.progress import say
from training.work import Store

# Of a word embedding at the start, about as the teacher's; the position's and the type's are smaller.
EMBEDDING_SIZE = 0.05


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def columns_of(args):
    return table.Columns(args.text, args.label, args.text_pair)


def make_problem(args, rows):
    if args.regression:
        return Numbers(table.label_values(args.data, rows))
    labels = table.class_labels(args.data, rows)
    return Classes(table.read_labels(args.labels) if args.labels else labels)


def samples_of(args, problem, path, rows):
    numbers = (table.label_values(path, rows) if problem.is_regression
               else table.class_numbers(path, rows, problem.labels))
    return student.Samples([(row.text, row.pair) for row in rows], problem.targets(numbers))


def read_unlabelled(args, apart_from):
    """(text, pair or None) each, but those that are equal to one of the rows `apart_from`, which measure."""
    if not args.unlabelled:
        return []
    rows = table.read_table(args.unlabelled, table.Columns(args.text, None, args.text_pair))
    measured = {repr(row.key()) for row in apart_from}
    texts = [(row.text, row.pair) for row in rows if repr(row.key()) not in measured]
    if len(texts) < len(rows):
        say(f"{args.unlabelled}: {len(rows) - len(texts):,} of its texts are held out or tested, and left out")
    return texts


def read_samples(args):
    """(problem, training samples with what nobody labelled, held-out samples or None, test samples or None)."""
    rows = table.read_table(args.data, columns_of(args))
    problem = make_problem(args, rows)
    wanted = args.hold_out
    if wanted is None:
        wanted = min(options.HELD_OUT_SHARE, options.MOST_HELD_OUT / len(rows))
    kept, held = table.hold_out(rows, wanted, args.data_seed, by_label=not problem.is_regression)
    samples, held_out = (samples_of(args, problem, args.data, [rows[index] for index in part]) for part in (kept, held))
    test_rows = table.read_table(args.test, columns_of(args)) if args.test else []
    test = samples_of(args, problem, args.test, test_rows) if test_rows else None
    samples.unlabelled = read_unlabelled(args, [rows[index] for index in held] + test_rows)
    say(f"{len(samples):,} texts to learn from, {len(held_out):,} held out"
        + (f", {problem.num_outputs} classes" if problem.labels else "")
        + (f"; {len(samples.unlabelled):,} without labels" if args.unlabelled else ""))
    return problem, samples, held_out if held else None, test


def unlabelled_settings(args):
    return {"unlabelled_sha256": sha256(args.unlabelled)} if args.unlabelled else {}


def plain_texts(samples):
    return [text for both in [*samples.texts, *samples.unlabelled] for text in both if text is not None]


def choose_pieces(args, samples):
    """The student's pieces in id order."""
    if args.vocabulary not in ("auto", "teacher", "data"):
        return text_tools.read_vocabulary(args.vocabulary)
    if args.vocabulary == "data" or args.teacher_folder is None:
        return text_tools.train_vocabulary(plain_texts(samples), args.vocab_size)
    tokenizer, pieces = text_tools.teacher_tokenizer(args.teacher_folder)
    kept = text_tools.trim_vocabulary(pieces, tokenizer, plain_texts(samples), args.vocab_size)
    return [pieces[index] for index in kept]


def teacher_rows(args, bert, pieces):
    """[pieces, D]: the teacher's embedding of each piece; of one that it lacks, the mean over the pieces it has for
    it."""
    tokenizer, theirs = text_tools.teacher_tokenizer(args.teacher_folder)
    place = {piece: index for index, piece in enumerate(theirs)}
    word = bert.word.weight.detach().cpu()

    def row(piece):
        if piece in place:
            return word[place[piece]]
        ids = tokenizer.encode(piece.removeprefix(text_tools.PREFIX), add_special_tokens=False).ids
        return word[ids].mean(0) if ids else torch.zeros(word.shape[1])

    return torch.stack([row(piece) for piece in pieces])


def learn_from_teacher(args, problem, samples, held_out, run):
    """(the teacher's encoder or None, what it labels beside the samples' texts, soft labels of both)."""
    if args.teacher_folder is None:
        return None, [], None
    if not args.soft_labels:
        return teacher_tools.load_bert(args.teacher_folder), [], None
    names = ("text", "text_pair", "label", "regression", "hold_out", "data_seed", "max_length", "label_smoothing",
             "teacher_epochs", "teacher_batch_size", "teacher_learning_rate")
    settings = {name: getattr(args, name) for name in names}
    settings.update(data=args.data_sha256, labels=problem.labels, teacher=args.teacher_sha256)
    model = teacher_tools.fine_tuned(
        args.teacher_folder, problem, (samples.texts, samples.targets),
        held_out and (held_out.texts, held_out.targets), args,
        Store(args.work, "teacher", settings, run, is_shared=True))
    copies = student.make_copies(samples, args, is_labelled_anew=True, seed=args.data_seed)
    more = [text for _, text in copies] + samples.unlabelled
    for name in ("augmented", "splice", "swap", "drop", "mask"):
        settings[name] = getattr(args, name)
    settings.update(unlabelled_settings(args))
    soft = teacher_tools.soft_labels(model, samples.texts + more, args,
                                     Store(args.work, "soft labels", settings, run, is_shared=True))
    return model.bert, more, soft


def make_model(args, problem, pieces, bert):
    fields = {**options.model_fields(args), "vocab_size": len(pieces), "n_classes": problem.num_outputs,
              "is_regression": problem.is_regression, "pad_id": pieces.index(text_tools.PAD)}
    model = SparseMixer(ModelConfig.from_dict(fields))
    weights = initial.initial_weights(parameter_shapes(model.config), args.seed)
    if bert is not None and args.embeddings == "teacher":
        rows = teacher_rows(args, bert, pieces)
        reduced = initial.reduced_embeddings(rows, model.config.d_emb, EMBEDDING_SIZE)
        weights["encoder/embedder/word/embedding"] = reduced
    model.load_weights(weights)
    return model


def lost_ingredients(args):
    """What the recipe has and this run has not."""
    missing = [(args.teacher_folder is None, "teacher"), (not args.soft_labels, "soft labels"),
               (args.embeddings == "random", "the teacher's word embeddings"), (args.augmented == 0, "changed copies"),
               (args.average == 0, "averaged weights")]
    return [name for is_missing, name in missing if is_missing]


def run(args):
    start = time.monotonic()
    options.check(args)
    export.check_output(args.output)
    results.read_card(args.card)
    processes = Processes(args.device)
    torch.set_num_threads(args.threads)
    # Before other threads begin, which take it over. As a model becomes sure, gradients become too small to be normal
    # numbers, which processors multiply slowly: of SST-2's second epoch a step took 0.58 s, and takes 0.39 s so.
    torch.set_flush_denormal(True)
    checkpoints = f"{str(args.output).rstrip('/')}.work"
    args.work = args.work or checkpoints
    args.data_sha256 = sha256(args.data)
    args.max_length = options.model_fields(args).get("max_seq_length", ModelConfig().max_seq_length)
    problem, samples, held_out, test = read_samples(args)
    args.teacher_folder = teacher_tools.find_teacher(args.teacher)
    if args.unlabelled and args.teacher_folder is None:
        raise BadUsage(f"--unlabelled {args.unlabelled}: a teacher must label its texts: install one as said above, give "
                       "--teacher FOLDER, or go without")
    args.teacher_sha256 = args.teacher_folder and sha256(args.teacher_folder / "model.safetensors")
    if args.augmented is None:
        args.augmented = min(options.MOST_COPIES, options.COPIES_PER_TEXT * len(samples))

    stages = Run(processes, args.resume, args.checkpoint_seconds)
    pieces = choose_pieces(args, samples)
    bert, more, soft = learn_from_teacher(args, problem, samples, held_out, stages)
    model = make_model(args, problem, pieces, bert)
    framer = text_tools.framer_of(pieces, model.config.max_seq_length)
    lessons = student.Lessons(samples, framer, args, more, soft)
    if lessons.num_cut > len(samples) // 50:
        say(f"{lessons.num_cut} of {len(samples)} texts are cut to {args.max_length} tokens; see --max-length")

    settings = options.settings(args, config=options.model_fields(args), labels=problem.labels, pieces=len(pieces),
                                pieces_sha256=hashlib.sha256("\n".join(pieces).encode()).hexdigest(),
                                **unlabelled_settings(args))
    store = Store(checkpoints, "student", settings, stages)
    weights, notes = student.train(model, lessons, student.Judge(problem, held_out, framer, args, store), args, store)
    if processes.is_first:
        settings.pop("labels")  # config.json has them
        notes.update(start=start, settings=settings, lost=lost_ingredients(args), num_cut=lessons.num_cut)
        results.write(args, problem, {"weights": weights, "config": model.config, "pieces": pieces, "framer": framer,
                                      "held_out": held_out, "test": test}, notes)
    processes.leave()


def main():
    args = options.make_parser().parse_args()
    try:
        run(args)
    except TrainError as error:
        print(f"train.py: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        print(f"train.py: {error}", file=sys.stderr)
        sys.exit(3)
    except KeyboardInterrupt:
        print("train.py: stopped; the same command with --resume goes on", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
