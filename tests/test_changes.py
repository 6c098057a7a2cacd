"""Changes: an import's report for people and for machines."""

from intouch.changes import Changes


def test_a_report_counts_and_gives_a_few_examples() -> None:
    changes = Changes("f.csv", "9 wards", added=[f"E{number}" for number in range(7)], unchanged=2, notes=["Look out."])
    assert changes.lines() == [
        "f.csv: 9 wards",
        "  added           7  E0, E1, E2, E3, E4, …",
        "  changed         0",
        "  closed          0",
        "  unchanged       2",
        "  Look out.",
    ]
    assert changes.to_json()["added"] == 7
    assert changes.to_json()["examples"]["added"] == ["E0", "E1", "E2", "E3", "E4"]
    assert not changes.is_empty
    assert Changes("f.csv", "nothing", unchanged=9).is_empty
