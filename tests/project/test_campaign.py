"""tools/campaign.py: its rounds end in time, it counts what ran, and notices what failed."""

import importlib.util
import json
import sys
import time
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "tools" / "campaign.py"


@pytest.fixture(scope="module")
def campaign():
    spec = importlib.util.spec_from_file_location("campaign", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["campaign"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("per_case", [0.1, 1.0, 30.0])
def test_rounds_fill_the_time(campaign, monkeypatch, per_case):
    now = [0.0]
    monkeypatch.setattr(campaign.time, "monotonic", lambda: now[0])
    done = []
    for number, factor in campaign.rounds(1000):
        assert number == len(done)
        now[0] += 5 + per_case * factor
        done.append(factor)
    assert done[0] == 10
    assert now[0] <= max(1100, 5 + 10 * per_case)
    if per_case < 30:
        assert now[0] > 500


def test_counts_and_failures(campaign, tmp_path, capfd):
    report = campaign.Report(1, 3)
    note = """import os, json
with open(os.environ["HPMASK_COUNTS"], "a") as file:
    print(json.dumps({"test": "t", "what": "cones", "n": 7}), file=file)
"""
    assert campaign.run([sys.executable, "-c", note], report, folder=tmp_path)
    assert campaign.run([sys.executable, "-c", note], report, folder=tmp_path)
    assert report.cases == {"cones": 14}
    assert not report.failures
    fails = [sys.executable, "-c", "import os, sys; sys.exit(os.environ['X'] == '1')"]
    assert not campaign.run(fails, report, folder=tmp_path, X="1")
    assert report.failures == [" ".join(["X=1", *fails])]
    found = report.as_json()
    json.dumps(found)
    assert "| cones | 14 |" in campaign.table(found)
    assert "1 of its rounds failed" in campaign.table(found)


def test_the_page(campaign, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{campaign.FIRST}\nold\n{campaign.LAST}\nafter\n")
    report = campaign.Report(60, 1)
    report.cases["discs"] = 1_234_567
    for _ in range(2):
        campaign.put_on(page, report.as_json())
        text = page.read_text()
        assert text.startswith("before\n")
        assert text.endswith("after\n")
        assert text.count("| discs | 1 234 567 |") == 1
        assert "old" not in text


@pytest.mark.deep
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_what_takes_too_long_ends_with_its_processes(campaign, tmp_path):
    report = campaign.Report(1, 3)
    child = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
    parent = (
        f"import os, subprocess, sys; os.chdir({str(tmp_path)!r}); subprocess.run([sys.executable, '-c', {child!r}])"
    )
    campaign.run([sys.executable, "-c", parent], report, folder=tmp_path, limit=3)
    assert len(report.missing) == 1
    assert not report.failures
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        try:
            # A zombie, until its new parent asks for it, is over too.
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                break
        except FileNotFoundError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("a process of the command goes on")
