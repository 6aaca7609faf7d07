import numpy as np
import pytest

from darkbattery.nvmodel import InputError, Solution
from darkbattery.nvmodel.solution import Distribution, Reading
from darkbattery.nvmodel.tally import RunSpans


def test_spans_join_split_and_refuse_overlap():
    left, right, far = RunSpans(((0, 5),)), RunSpans(((5, 9),)), RunSpans(((20, 21),))
    assert left.union(far).union(right).spans == ((0, 9), (20, 21))
    assert len(left.union(far)) == 6
    with pytest.raises(InputError, match="already counted"):
        left.union(RunSpans(((4, 6),)))


def test_averages_do_not_merge_and_unknown_names_are_refused():
    solution = Solution([0.0], Reading({"power": np.array([1.0])}))
    assert solution.errors["power"] is None
    assert solution.runs is None
    with pytest.raises(InputError, match="only single runs"):
        solution.merge(solution)
    with pytest.raises(InputError, match="did you mean 'power'"):
        solution["powr"]


def test_tidy_distributions():
    over_time = Distribution("m", np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.eye(2))
    once = Distribution("n", np.array([0.0]), np.array([1.0]), np.array([7]))
    reading = Reading({"power": np.zeros(2)}, distributions={"a": over_time, "b": once})
    frame = Solution([0.0, 3.0], reading).distributions_to_dataframe()
    assert frame[frame.distribution == "a"].weight.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert frame[frame.distribution == "a"].time.tolist() == [0.0, 0.0, 3.0, 3.0]
    assert frame[frame.distribution == "b"].weight.tolist() == [7.0]
