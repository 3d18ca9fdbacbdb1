"""to_sentences.py: texts become sentences, apart from those of a test set."""
import pathlib
import subprocess
import sys

import helpers
from runner import ROOT

PROGRAM = ROOT / "tools" / "train" / "to_sentences.py"


def run(*arguments, code=0):
    """(what it printed, its words)."""
    done = subprocess.run([sys.executable, str(PROGRAM), *map(str, arguments)], text=True, capture_output=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout.splitlines(), done.stderr


def write_reviews(folder):
    reviews = pathlib.Path(folder) / "reviews"
    (reviews / "below").mkdir(parents=True)
    (reviews / "1.txt").write_text("It isn't good at all. \"Why,\" he asked, \"is it so long?\"<br />A line ends here too\n"
                                   "It isn't good at all.", encoding="utf-8")
    (reviews / "below" / "2.txt").write_bytes(b"The plot is as thin as paper is. Too short. Not UTF-8 \xff here, either.")
    (reviews / "notes.md").write_text("This is no text of theirs.", encoding="utf-8")
    return reviews


def test_sentences_of_a_folder_once_each_in_an_order_of_the_seed():
    with helpers.temporary() as folder:
        reviews = write_reviews(folder)
        lines, words = run(reviews)
        again, _ = run(reviews)
        other, _ = run(reviews, "--seed", 2)
    assert lines[0] == "text"
    assert sorted(lines[1:]) == ["\"Why,\" he asked, \"is it so long?\"", "A line ends here too", "It isn't good at all.",
                                 "Not UTF-8 \ufffd here, either.", "The plot is as thin as paper is."]
    assert again == lines
    assert other != lines and sorted(other) == sorted(lines)
    assert "5 sentences" in words


def test_words_are_split_as_in_sst2():
    with helpers.temporary() as folder:
        lines, _ = run(write_reviews(folder), "--split-words", "--text", "sentence", "--longest", 7)
    assert lines[0] == "sentence"
    assert sorted(lines[1:]) == ["a line ends here too", "it is n't good at all .", "not utf-8 \ufffd here , either ."]


def test_what_shares_words_with_a_test_set_is_left_out_and_counted():
    with helpers.temporary() as folder:
        test = helpers.write_table(folder, [("said : the plot IS as thin, as hair", "x")], name="test.tsv")
        lines, words = run(write_reviews(folder), "--apart-from", test)
        fewer, fewer_words = run(write_reviews(pathlib.Path(folder) / "b"), "--apart-from", test, "--shared", 7)
    assert "The plot is as thin as paper is." not in lines
    assert "4 sentences; 1 others share 6 words" in words
    assert "The plot is as thin as paper is." in fewer
    assert "5 sentences; 0 others share 7 words" in fewer_words


def test_texts_of_a_table():
    with helpers.temporary() as folder:
        data = helpers.write_table(folder, [("One of four words. Two", "x"), ("Another text of five words", "y")])
        lines, _ = run(data)
    assert sorted(lines) == ["Another text of five words", "One of four words.", "text"]


def test_faults_are_named():
    with helpers.temporary() as folder:
        data = helpers.write_table(folder, [("a b c d", "x")])
        (pathlib.Path(folder) / "empty").mkdir()
        assert "--shortest 0: must be 1 or more" in run(data, "--shortest", 0, code=2)[1]
        assert "--shortest 9 --longest 8" in run(data, "--shortest", 9, "--longest", 8, code=2)[1]
        assert "no column 'body'" in run(data, "--text", "body", code=3)[1]
        assert "no .txt file" in run(pathlib.Path(folder) / "empty", code=3)[1]
        assert "no sentence of 5 to 40 words stays" in run(data, "--shortest", 5, code=3)[1]
        assert "No such file" in run(pathlib.Path(folder) / "none.tsv", code=3)[1]
