"""Handles of small objects that an adapter on disk stores; `tests/workflows` has models."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import bundlekit
from bundlekit import BundleWarning, InvalidTrust, NotRestorable, Trust, Unwritable
from bundlekit.errors import UnknownOption
from bundlekit.restored import Restored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TALLY = '''
import time


class Tally:
    """Learns a sum."""

    def __init__(self, total=0):
        self.total = total
        self.names = ["a"]

    def fit(self, values):
        self.total += sum(values)
        return self

    def predict(self, value):
        return self.total + value

    def set_params(self, total):
        self.total = total
        return self

    def __len__(self):
        return self.total

    def __call__(self, value):
        return self.predict(value)


class TallyAdapter:
    name = "tally"
    version = 1
    reads = (1,)
    types = ("tally_bundle.Tally",)
    default = True
    deterministic = True
    pack_options = ()
    unpack_options = ()
    restored = 0

    def pack(self, obj, out, options):
        from bundlekit.adapter import Description
        from bundlekit.errors import NotBuilt, Unwritable

        if obj.total is None:
            raise NotBuilt("the tally has not begun")
        if obj.total < 0:
            raise Unwritable(f"a total of {obj.total} is not stored")
        out.add_json("total.json", [obj.total, obj.names])
        return Description(kind="tally")

    def audit(self, payload):
        payload.json("total.json")
        return ()

    def unpack(self, payload, context):
        TallyAdapter.restored += 1
        time.sleep(0.05)  # so that threads meet
        found = Tally()
        found.total, found.names = payload.json("total.json")
        return found
'''


@pytest.fixture(autouse=True)
def site(install: Callable[..., Path]) -> Iterator[Path]:
    yield install("tally", "tally_bundle", TALLY, {"tally": "tally_bundle:TallyAdapter"})
    bundlekit.portable.restored.clear()
    bundlekit.portable.restored.resize(8)


@pytest.fixture
def tally() -> Any:
    from tally_bundle import Tally  # type: ignore[import-not-found]

    return Tally(3)


def again(obj: Any) -> Any:
    return pickle.loads(pickle.dumps(obj))


def count() -> int:
    return bundlekit.portable.restored.count


def test_a_handle_behaves_as_its_object(tally: Any) -> None:
    handle = bundlekit.portable(tally)
    assert isinstance(handle, type(tally))
    assert handle.predict(1) == 4
    assert handle(2) == 5
    assert len(handle) == 3
    assert handle.total == 3
    assert vars(handle) == vars(tally)
    assert "predict" in dir(handle)
    assert handle.live is tally
    assert bool(bundlekit.portable(type(tally)(0)))
    handle.total = 7
    assert tally.total == 7
    del handle.names
    assert not hasattr(tally, "names")


def test_a_handle_has_the_special_methods_of_its_object_and_no_others(tally: Any) -> None:
    assert callable(bundlekit.portable(tally))
    plain = bundlekit.portable({"a": 1})
    assert not callable(plain)
    assert plain["a"] == 1
    assert list(plain) == ["a"]
    assert "a" in plain


def test_a_method_that_gives_its_object_gives_the_handle(tally: Any) -> None:
    handle = bundlekit.portable(tally)
    assert handle.set_params(total=4) is handle
    assert handle.fit([1]) is handle
    assert tally.total == 5


def test_unpickling_restores_nothing_and_the_first_use_does(tally: Any) -> None:
    found = again({"model": bundlekit.portable(tally)})["model"]
    before = count()
    assert "not restored yet" in repr(found)
    assert isinstance(found, type(tally)), "the class is known without the object"
    assert not hasattr(found, "__array__"), "special names are not looked for in the object"
    assert count() == before
    assert found.predict(1) == 4
    assert count() == before + 1
    assert "live" in repr(found)


def test_handles_of_one_digest_share_what_they_restore(tally: Any) -> None:
    data = pickle.dumps(bundlekit.portable(tally))
    first, second = pickle.loads(data), pickle.loads(data)
    before = count()
    assert first.live is second.live
    assert count() == before + 1


def test_sixteen_threads_restore_an_object_once(tally: Any) -> None:
    handle = again(bundlekit.portable(tally))
    before = count()
    start = threading.Barrier(16)

    def use(value: int) -> int:
        start.wait()
        return int(handle.predict(value))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(use, range(16))) == [3 + value for value in range(16)]
    assert count() == before + 1


def test_who_changes_a_shared_object_gets_one_of_his_own(tally: Any) -> None:
    data = pickle.dumps(bundlekit.portable(tally))
    first, second = pickle.loads(data), pickle.loads(data)
    assert first.predict(0) == second.predict(0) == 3
    first.fit([10])
    second.names = ["b"]
    assert (first.predict(0), second.predict(0)) == (13, 3)
    assert pickle.loads(data).predict(0) == 3
    assert pickle.loads(data).names == ["a"]


def test_who_waits_for_an_object_that_is_taken_away_gets_another() -> None:
    class User:
        pass

    shared, first, second = Restored(), User(), User()
    taken = shared.get("key", first, lambda: ["taken"])
    found: list[Any] = []
    waiting = threading.Thread(
        target=lambda: found.append(shared.get("key", second, lambda: ["another"]))
    )
    with shared._entries["key"].lock:
        waiting.start()
        assert shared.leave("key", first), "it was his alone"
    waiting.join()
    assert found == [["another"]]
    assert not shared.leave("no such key", first)
    assert taken == ["taken"]


def test_a_fit_that_fails_to_be_captured_in_any_way_goes_on(
    tally: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tally_bundle import TallyAdapter

    handle = bundlekit.portable(tally)
    monkeypatch.setattr(TallyAdapter, "pack", None)
    with pytest.warns(BundleWarning, match="cannot be bundled, .* TypeError: 'NoneType' object"):
        handle.fit([1])
    assert handle.predict(0) == 4


def test_what_was_learned_since_is_in_the_next_pickle(tally: Any) -> None:
    handle = bundlekit.portable(tally)
    handle.fit([1])
    assert again(handle).predict(0) == 4
    tally.fit([1])  # not through the handle
    assert again(handle).predict(0) == 5
    restored = again(handle)
    restored.names.append("b")
    assert again(restored).names == ["a", "b"]
    assert bundlekit.unbundle(restored.bundle).names == ["a", "b"]


def test_a_handle_that_only_predicts_is_not_bundled_again(
    tally: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = again(bundlekit.portable(tally))
    handle.predict(1)
    from tally_bundle import TallyAdapter

    monkeypatch.setattr(TallyAdapter, "pack", None)
    assert again(handle).bundle == handle.bundle


def test_copies_and_deep_copies(tally: Any) -> None:
    handle = bundlekit.portable(tally)
    shallow, deep = copy.copy(handle), copy.deepcopy([handle])[0]
    handle.fit([1])
    assert (shallow.predict(0), deep.predict(0)) == (4, 3)


def test_a_method_is_pickled_with_its_handle_and_restores_nothing(tally: Any) -> None:
    before = count()
    method = again(bundlekit.portable(tally).predict)
    assert count() == before
    assert method(1) == 4
    assert method.__name__ == "predict"
    assert "value" in method.__wrapped__.__code__.co_varnames


def test_bytes_travel_out_of_band(tally: Any) -> None:
    tally.names = ["x" * 10_000]
    handle = bundlekit.portable(tally)
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(handle, protocol=5, buffer_callback=buffers.append)
    assert len(buffers) == 1
    assert len(data) < 2_000
    assert pickle.loads(data, buffers=buffers).names == tally.names


def test_what_is_not_built_yet_is_captured_after_fit(tally: Any) -> None:
    tally.total = None
    handle = bundlekit.portable(tally)
    with pytest.raises(bundlekit.NotBuilt, match="has not begun"):
        pickle.dumps(handle)
    handle.total = 0
    handle.fit([2])
    assert again(handle).predict(0) == 2


def test_a_fit_that_cannot_be_captured_warns_and_goes_on(tally: Any) -> None:
    handle = bundlekit.portable(tally)
    with pytest.warns(BundleWarning, match="cannot be bundled, .* a total of -7 is not stored"):
        handle.fit([-10])
    assert handle.predict(0) == -7
    found = again(handle)
    with pytest.raises(NotRestorable, match=r"Tally is not here, .*a total of -7") as caught:
        found.predict(0)
    assert isinstance(caught.value.__cause__, Unwritable)
    assert isinstance(caught.value.reason, Unwritable)  # type: ignore[attr-defined]
    handle.fit([20])
    assert again(handle).predict(0) == 13


def test_a_change_that_cannot_be_captured_is_an_error_when_pickling(tally: Any) -> None:
    handle = bundlekit.portable(tally)
    tally.total = -1
    with pytest.raises(Unwritable, match="a total of -1"):
        pickle.dumps(handle)
    with pytest.raises(Unwritable, match="a total of -1"):
        bundlekit.portable(tally)


def test_a_handle_of_a_file_holds_its_path_and_digest(tally: Any, tmp_path: Path) -> None:
    path = tmp_path / "tally.bundle"
    bundlekit.dump(tally, path)
    handle = bundlekit.portable(path)
    data = pickle.dumps(handle)
    assert len(data) < 1_000
    assert pickle.loads(data).predict(1) == 4
    bundlekit.portable.restored.clear()
    bundlekit.dump(type(tally)(5), path, overwrite=True)
    with pytest.raises(NotRestorable, match="is another bundle than the one"):
        pickle.loads(data).predict(1)


def test_a_handle_of_a_bundle_and_of_its_bytes(tally: Any) -> None:
    bundle = bundlekit.bundle(tally)
    for source in (bundle, bytes(bundle), memoryview(bytes(bundle))):
        handle = again(bundlekit.portable(source))
        assert handle.predict(1) == 4
        assert handle.bundle == bundle


def test_a_handle_is_bundled_as_its_object(tally: Any) -> None:
    handle = bundlekit.portable(tally)
    assert bundlekit.bundle(handle) == bundlekit.bundle(tally)
    found = bundlekit.unbundle(bundlekit.bundle({"a": handle, "b": tally}))
    assert found["a"].live is found["b"], "what was a handle is one again"


def test_trust_is_checked_when_a_handle_is_made(tally: Any) -> None:
    with pytest.raises(InvalidTrust, match="neither True nor False|trust takes a list"):
        bundlekit.portable(tally, trust=True)  # type: ignore[arg-type]
    narrow = bundlekit.portable(bundlekit.portable(tally), trust=["acme"])
    assert again(narrow).predict(1) == 4


def test_the_number_of_shared_objects_is_the_callers(tally: Any) -> None:
    shared = bundlekit.portable.restored
    shared.resize(2)
    handles = [again(bundlekit.portable(type(tally)(total))) for total in range(4)]
    assert [handle.predict(0) for handle in handles] == [0, 1, 2, 3]
    assert (len(shared), shared.size) == (2, 2)
    shared.clear()
    assert len(shared) == 0
    assert handles[0].predict(0) == 0
    shared.resize(0)
    data = pickle.dumps(handles[0])
    assert pickle.loads(data).live is not pickle.loads(data).live
    with pytest.raises(UnknownOption, match="no number of objects"):
        shared.resize(-1)


def test_a_handle_in_a_fresh_process_imports_nothing_of_its_object(
    tally: Any, site: Path, tmp_path: Path
) -> None:
    (tmp_path / "handle.pickle").write_bytes(pickle.dumps(bundlekit.portable(tally)))
    code = (
        "import pickle, sys; found = pickle.load(open(sys.argv[1], 'rb'));"
        "print('tally_bundle' in sys.modules, type(found).__name__);"
        "print(found.predict(1), 'tally_bundle' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "handle.pickle")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "Handle", "4", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_process_restores_the_object_as_it_was(tally: Any) -> None:
    handle = bundlekit.portable(tally)
    tally.fit([1])
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are threads
        child = os.fork()
    if not child:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            answer = [handle.predict(0), handle.live is tally, [str(w.message) for w in caught]]
            os.write(writing, repr(answer).encode())
        os._exit(0)
    os.waitpid(child, 0)
    answer, is_same, said = eval(os.read(reading, 10_000))
    assert (answer, is_same) == (4, False)
    assert "get_context('spawn')" in said[0]


def test_dask_tells_handles_by_their_digest(tally: Any) -> None:
    handle = bundlekit.portable(tally)
    assert handle.__dask_tokenize__() == ("bundlekit", handle.bundle.digest)
    assert again(handle).__dask_tokenize__() == handle.__dask_tokenize__()


def test_a_recorded_trust_holds_what_its_bundle_needs_and_no_more() -> None:
    from bundlekit.held import recorded

    assert recorded(bundlekit.bundle({"a": 1})) == Trust()
    assert recorded(bundlekit.bundle({"a": len})) == Trust(imports=["builtins:len"])
    by_value = bundlekit.bundle({"a": lambda: 1}, code="value")
    assert recorded(by_value) == Trust(code=True)
