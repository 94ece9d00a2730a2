"""Whatever the student's side sends: what the trusted side decodes raises nothing but the protocol's own error."""

from tests.fuzz_judge import tried


def test_no_input_raises_anything_but_the_error_of_the_protocol():
    told = tried(count=2000, seed=14)
    assert sum(told.values()) == 2000 and min(told["refused"], told["decoded"]) > 100, told
