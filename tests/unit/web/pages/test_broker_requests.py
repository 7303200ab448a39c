"""What the page of a broker's requests knows."""

from console.history.model import Series
from console.metrics.request_rates import RequestRate
from web.formatting import milliseconds
from web.pages.broker_requests import request_rows, totals
from web.pages.past import largest


def rate(request, per_second, bytes_in=0.0, bytes_out=0.0):
    return RequestRate(request, 10, per_second, bytes_in, bytes_out, 1.0, 0.5, 2.0)


def test_bytes_are_counted_where_clients_send_and_get_records():
    found = totals(
        [rate("Produce", 5.0, 100.0, 1.0), rate("FetchConsumer", 2.0, 3.0, 80.0), rate("Metadata", 1.0, 9.0, 9.0)]
    )
    assert found == {"requests_per_second": 8.0, "bytes_in_per_second": 100.0, "bytes_out_per_second": 80.0}


def test_what_is_not_known_yet_is_not_zero():
    unknown = RequestRate("Produce", 1, None, None, None, None, None, None)
    assert totals([unknown]) == dict.fromkeys(("requests_per_second", "bytes_in_per_second", "bytes_out_per_second"))
    assert totals([]) == totals([unknown])


def test_a_row_has_the_figures_of_its_kind():
    (row,) = request_rows([rate("Produce", 5.0)])
    assert (row["request"], row["per_second"], row["p99_ms"], row["count"]) == ("Produce", 5.0, 2.0, 10)


def test_a_chart_of_many_lines_shows_the_largest_in_their_order():
    lines = [
        Series("m", {"request": name}, [0, 1], [None, value], [], [])
        for name, value in (("a", 1.0), ("b", 9.0), ("c", 5.0))
    ]
    assert [each.labels["request"] for each in largest(lines, 2)] == ["b", "c"]
    assert largest(lines, 3) == lines


def test_short_times_keep_two_digits_that_mean_something():
    assert [milliseconds(each) for each in (None, 0.05, 0.123, 4.56, 45.6, 1234.0)] == [
        "-", "0.05 ms", "0.12 ms", "4.6 ms", "46 ms", "1.2 s",
    ]  # fmt: skip
