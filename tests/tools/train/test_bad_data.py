"""Bad tables and flags: named by file, line, value and rule, with the exit code of all smx programs."""
import gzip

import helpers
from errors import BadData, BadUsage
from texts import table

GOOD = "text\tlabel\na b\tx\nc d\ty\ne f\tx\ng h\ty\n"


def refused(content, columns=table.Columns(), name="data.tsv"):
    """What reading these bytes and asking for the labels says."""
    with helpers.temporary() as folder:
        path = f"{folder}/{name}"
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        try:
            table.class_labels("data.tsv", table.read_table(path, columns))
        except BadData as error:
            return str(error).replace(path, "data.tsv")
    raise AssertionError("not refused")


def check(message, *parts):
    for part in parts:
        assert part in message, f"{part!r} is not in {message!r}"


def test_empty_text_is_named_by_line():
    check(refused(GOOD + "  \tx\n"), "data.tsv: line 6", "text is '  '", "no space")


def test_empty_second_text_is_named_by_line():
    message = refused("text\tother\tlabel\na\tb\tx\nc\t\ty\n", table.Columns(text_pair="other"))
    check(message, "line 3", "other is ''")


def test_empty_label_is_named_by_line():
    check(refused(GOOD + "i j\t\n"), "line 6", "label is ''")


def test_one_class_only_is_named():
    check(refused("text\tlabel\na\tx\nb\tx\n"), "line 2", "'x' is the only one", "two")


def test_labels_seen_once_are_all_named_by_line():
    check(refused(GOOD + "i\tz\nj\tw\n"), "line 6: 'z'", "line 7: 'w'", "seen once")


def test_many_labels_seen_once_are_counted():
    message = refused(GOOD + "".join(f"t\tonce{number}\n" for number in range(9)))
    check(message, "line 6: 'once0'", "line 10: 'once4'", "and 4 more")


def test_unknown_column_is_named_with_those_there_are():
    check(refused(GOOD, table.Columns(text="sentence")), "line 1", "no column 'sentence'", "text, label", "--text")


def test_bytes_that_are_no_utf8_are_named_by_line_and_byte():
    check(refused(b"text\tlabel\nabc\tx\nab\xff\ty\n"), "line 3", "byte 3 is 255", "UTF-8")


def test_wrong_number_of_columns_is_named_by_line():
    check(refused(GOOD + "a\tb\tx\n"), "line 6: 3 columns, the header has 2", "one tab")


def test_wrong_number_of_columns_in_csv_is_named_by_the_line_where_the_record_begins():
    message = refused('text,label\n"two\nlines",x\na,x,y\n', name="data.csv")
    check(message, "line 4: 3 columns", "commas")


def test_csv_with_an_open_quote_is_named_by_line():
    check(refused('text,label\na,x\n"open,y\n', name="data.csv"), "line 3", "not CSV")


def test_a_table_without_rows_is_refused():
    check(refused("text\tlabel\n"), "no text")
    check(refused(""), "line 1: empty")


def test_a_cut_gzip_file_is_refused():
    check(refused(gzip.compress(GOOD.encode())[:-6], name="data.tsv.gz"), "not whole gzip")


def test_good_tables_are_read_alike():
    """With CRLF, a byte order mark, gzip, or as .csv: the same rows."""
    commas = GOOD.replace("\t", ",")
    variants = {"a.tsv": GOOD, "b.tsv": GOOD.replace("\n", "\r\n"), "c.tsv": "\ufeff" + GOOD, "d.csv": commas,
                "e.csv": commas.replace("\n", "\r\n"), "f.tsv": GOOD.removesuffix("\n")}
    with helpers.temporary() as folder:
        for name, content in variants.items():
            with open(f"{folder}/{name}", "wb") as file:
                file.write(content.encode())
        with open(f"{folder}/g.tsv.gz", "wb") as file:
            file.write(gzip.compress(GOOD.encode()))
        rows = [table.read_table(f"{folder}/{name}", table.Columns()) for name in [*variants, "g.tsv.gz"]]
    assert len(rows[0]) == 4 and rows[0][1] == table.Row("c d", None, "y", 3)
    assert all(each == rows[0] for each in rows[1:]), [each[:2] for each in rows]


def test_texts_without_labels_need_no_label_column():
    columns = table.Columns(label=None)
    with helpers.temporary() as folder:
        bare = helpers.write_table(folder, [("a b",), ("c d",)], ("text",))
        rows = table.read_table(bare, columns)
        labelled = helpers.write_table(folder, [("a b", ""), ("c d", "x")], name="labelled.tsv")
        assert rows == table.read_table(labelled, columns) == [table.Row("a b", None, None, 2),
                                                               table.Row("c d", None, None, 3)]
        helpers.write_table(folder, [("a b",), (" ",)], ("text",))
        try:
            table.read_table(bare, columns)
        except BadData as error:
            check(str(error), "line 3: text is ' '")
            return
    raise AssertionError("not refused")


def test_texts_without_labels_need_a_teacher():
    with helpers.temporary() as folder:
        path = helpers.write_table(folder, helpers.texts(20, 1))
        start = (path, "-o", f"{folder}/model", "--unlabelled", path)
        check(helpers.run_train(*start, "--teacher", "none", code=2), f"--unlabelled {path}", "without --teacher none")
        check(helpers.run_train(*start, "--no-soft-labels", code=2), "without --no-soft-labels")


def test_regression_needs_numbers():
    rows = [table.Row("a", None, "1.5", 2), table.Row("b", None, "nan", 3)]
    try:
        table.label_values("data.tsv", rows)
    except BadData as error:
        check(str(error), "line 3", "'nan' is no finite number")
        return
    raise AssertionError("not refused")


def test_hold_out_takes_its_share_of_every_label_and_keeps_equal_texts_together():
    rows = [table.Row(f"text {index % 90}", None, f"label {index % 3}", index) for index in range(180)]
    kept, held = table.hold_out(rows, 0.2, seed=3)
    assert sorted(kept + held) == list(range(180))
    assert not {rows[i].text for i in kept} & {rows[i].text for i in held}, "an equal text on both sides"
    assert table.hold_out(rows, 0.2, seed=3) == (kept, held) != table.hold_out(rows, 0.2, seed=4)
    distinct = [table.Row(f"text {index}", None, f"label {index % 3}", index) for index in range(180)]
    _, held = table.hold_out(distinct, 0.2, seed=3)
    assert [sum(distinct[i].label == f"label {label}" for i in held) for label in range(3)] == [12, 12, 12]


def test_hold_out_leaves_every_label_a_text():
    rows = [table.Row(f"text {index}", None, f"label {index // 2}", index) for index in range(40)]
    kept, held = table.hold_out(rows, 0.4, seed=1)
    assert {rows[i].label for i in kept} == {row.label for row in rows} and 10 <= len(held) <= 20


def test_hold_out_of_everything_is_refused():
    rows = [table.Row(f"text {index}", None, f"label {index % 2}", index) for index in range(8)]
    try:
        table.hold_out(rows, 8, seed=1)
    except BadUsage as error:
        check(str(error), "--hold-out 8", "8 texts")
        return
    raise AssertionError("not refused")


def test_the_program_says_it_with_exit_code_3_and_writes_nothing():
    with helpers.temporary() as folder:
        path = helpers.write_table(folder, [("a b", "x"), ("", "y")])
        words = helpers.run_train(path, "-o", f"{folder}/model", code=3)
        check(words, f"train.py: {path}: line 3: text is ''")
        assert sorted(each.name for each in path.parent.iterdir()) == ["data.tsv"]
        check(helpers.run_train(f"{folder}/none.tsv", "-o", f"{folder}/model", code=3), "none.tsv")


def test_the_program_refuses_bad_flags_with_exit_code_2():
    with helpers.temporary() as folder:
        path = helpers.write_table(folder, helpers.texts(20, 1))
        check(helpers.run_train(path, "-o", f"{folder}/model", "--drop", 1.5, code=2), "--drop 1.5", "0..1")
        check(helpers.run_train(path, "-o", folder, code=2), "data.tsv, which is no part of a model")
